"""Values of custom fields: convert what clients send to stored cells, and back."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

from models import CustomField, CustomValue, FieldType
from models.errors import Problem, ProblemCode
from models.fields import to_day_number, to_microseconds, to_units
from models.text import fold, fold_or_none
from resolvers.values.validation import Check, Problems, day, decimal, email, instant, invalid, text, time_zone, url

LONGEST_LONG_TEXT = 10_000
VALUE_COLUMNS = ("text", "folded", "long_folded", "number", "day", "instant", "boolean")

Cells = dict[str, str | int | bool | None]


def stored_values(field: CustomField, value: Any) -> list[Cells]:
    """Check a value and return its rows: one for each entry of a LIST, none for a missing value."""
    if field.type in (FieldType.DROPDOWN, FieldType.LIST):
        found = _entries(field, value) if field.type is FieldType.LIST else [_choice(field, value)]
        return [_cells(**_text(choice)) for choice in found if choice is not None]
    check, keep = _KINDS[field.type]
    kept = check(value)
    return [] if kept is None else [_cells(**keep(kept))]


def _cells(**given: str | int | bool | None) -> Cells:
    return dict.fromkeys(VALUE_COLUMNS) | given


def _text(value: str) -> Cells:
    return {"text": value, "folded": fold_or_none(value)}


def _long_text(value: str) -> Cells:
    return {"text": value, "long_folded": fold_or_none(value)}


def _boolean(value: Any) -> bool | None:
    given = {"true": True, "false": False, "": None}.get(fold(value), value) if isinstance(value, str) else value
    if given is not None and not isinstance(given, bool):
        raise invalid("Expected true or false.")
    return given


def _choice(field: CustomField, value: Any) -> str | None:
    given = text(value)
    if given is None:
        return None
    for choice in field.choices:
        if fold(choice) == fold(given):
            return str(choice)
    raise invalid(f"{given[:80]!r} is not a choice of {field.label}. The choices are listed with the field.")


def _entries(field: CustomField, value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid("Expected a list of choices.")
    problems = Problems()
    found = [problems.attempt(partial(_choice, field), entry, str(index)) for index, entry in enumerate(value)]
    for index, choice in enumerate(found):
        if choice is not None and choice in found[:index]:
            problems.append(Problem(ProblemCode.INVALID, "This choice is named twice. Name each once.", (str(index),)))
    problems.raise_any()
    return [choice for choice in found if choice is not None]


_KINDS: dict[FieldType, tuple[Check, Callable[[Any], Cells]]] = {
    FieldType.TEXT: (text, _text),
    FieldType.LONG_TEXT: (partial(text, longest=LONGEST_LONG_TEXT), _long_text),
    FieldType.EMAIL: (email, _text),
    FieldType.PHONE: (text, _text),
    FieldType.URL: (url, _long_text),
    FieldType.NUMBER: (decimal, lambda value: {"number": to_units(value)}),
    FieldType.PRICE: (decimal, lambda value: {"number": to_units(value)}),
    FieldType.DATE: (day, lambda value: {"day": to_day_number(value)}),
    FieldType.DATE_TIME: (instant, lambda value: {"instant": to_microseconds(value)}),
    FieldType.CHECKBOX: (_boolean, lambda value: {"boolean": value}),
    FieldType.COUNTRY: (text, _text),
    FieldType.STATE: (text, _text),
    FieldType.TIMEZONE: (time_zone, _text),
}


def as_json(field: CustomField, values: Sequence[CustomValue]) -> Any:
    """Return the value that clients read: numbers as strings, days and instants in ISO form, a LIST as an array."""
    if field.type is FieldType.LIST:
        return [value.text for value in values]
    return _one_as_json(values[0])


def _one_as_json(value: CustomValue) -> Any:
    kept = ((read, getattr(value, column)) for column, read in _READ.items())
    return next(read(found) for read, found in kept if found is not None)


_READ: dict[str, Callable[[Any], Any]] = {
    "text": str,
    "number": lambda number: f"{number:f}",
    "day": date.isoformat,
    "instant": lambda at: at.isoformat().replace("+00:00", "Z"),
    "boolean": bool,
}
