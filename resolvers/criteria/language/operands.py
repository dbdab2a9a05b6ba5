"""Parses plain operands. Each function takes a JSON value and its place, and returns the operand or refuses the value."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from models.errors import ProblemCode
from models.fields import DECIMAL_LIMIT, DECIMAL_PLACES
from models.text import fold, prefix_end, storable
from resolvers.criteria.language.place import Place, each, elements, members, together
from resolvers.criteria.semantics.time import At, StartOf

Operand = TypeVar("Operand")
Read = Callable[[Any, Place], Operand]

LARGEST_INT = 2**31 - 1  # what an Int of GraphQL can carry
NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Two bounds. The operator decides whether the upper one is included."""

    low: Any
    high: Any

    @property
    def is_upside_down(self) -> bool:
        """Whether it ends before it begins at any time. False for bounds that move with time."""
        match self.low, self.high:
            case Decimal() as low, Decimal() as high:
                return low > high
            case date() as low, date() as high:
                return low > high
            case At(low), At(high):
                return low > high
            case StartOf(date() as low), StartOf(date() as high):
                return low > high
            case _:
                return False


def several(read: Read[Operand]) -> Read[tuple[Operand, ...]]:
    """A parser of lists of such values, with at least one and no more than the limit."""

    def read_all(value: Any, place: Place) -> tuple[Operand, ...]:
        values = elements(value, place)
        if len(values) > place.limits.values:
            message = f"{len(values)} values are given here, and {place.limits.values} are allowed: spread them over several conditions."
            raise place.refusal(ProblemCode.TOO_COMPLEX, message)
        return each(values, place, read=read)

    return read_all


def text(value: Any, place: Place) -> str:
    """A text that is not blank."""
    if not isinstance(value, str):
        raise place.invalid('A text belongs here: write it in quotes, like "Canada".')
    if not storable(value):
        raise place.invalid("The text has a character that cannot be stored (NUL or half of a surrogate pair): remove it.")
    if len(value.encode()) > place.limits.value_bytes:
        message = f"The text is longer than {place.limits.value_bytes} bytes: shorten it, or compare with `startsWith`."
        raise place.refusal(ProblemCode.TOO_COMPLEX, message)
    if not fold(value):
        raise place.invalid("The text is blank. To ask for missing values, use `isEmpty`.")
    return value


def prefix(value: Any, place: Place) -> str:
    """A text that can be the beginning of another one."""
    found = text(value, place)
    if prefix_end(fold(found)) is None:
        raise place.invalid("The text consists of nothing but U+10FFFF, which is not a character: give another one.")
    return found


def boolean(value: Any, place: Place) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise place.invalid("`true` or `false` belongs here.")
    return value


def affirmed(value: Any, place: Place) -> bool:
    """True. False is refused, because its meaning would not be clear."""
    if value is not True:
        raise place.invalid("Only `true` belongs here. For the opposite, put the condition inside `not`.")
    return True


def number(value: Any, place: Place) -> Decimal:
    """An exact decimal in the range of numeric fields."""
    written = str(value) if isinstance(value, int) and abs(value) < DECIMAL_LIMIT and not isinstance(value, bool) else value
    if not isinstance(written, str) or not NUMBER.fullmatch(written):
        raise place.invalid('A decimal number belongs here: write it in quotes, like "12.50", with digits and at most one point.')
    found = Decimal(written)
    if abs(found) >= DECIMAL_LIMIT:
        raise place.invalid(f"The number is too large: give one between -{DECIMAL_LIMIT:,} and {DECIMAL_LIMIT:,}.")
    if found != round(found, DECIMAL_PLACES):
        raise place.invalid(f"The number has more than {DECIMAL_PLACES} places after the point: round it.")
    return found


def whole(value: Any, place: Place) -> int:
    """A whole number of 32 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_INT:
        raise place.invalid(f"A whole number belongs here, at most {LARGEST_INT:,}.")
    return value


def at_least_one(value: Any, place: Place) -> int:
    """A whole number above zero."""
    found = whole(value, place)
    if found < 1:
        raise place.invalid("The number must be at least 1.")
    return found


def span(read: Read[Any]) -> Read[Span]:
    """A parser of objects with two such values, `from` and `to`, in this order."""

    def read_span(value: Any, place: Place) -> Span:
        given = members(value, place, required=("from", "to"))
        found = Span(*together(partial(read, given[key], place.at(key)) for key in ("from", "to")))
        if found.is_upside_down and not place.stored:
            raise place.invalid("The range ends before it begins, so that nothing lies in it: swap `from` and `to`.")
        return found

    return read_span
