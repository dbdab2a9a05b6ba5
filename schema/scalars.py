"""Parses and writes the scalars: instants, days, decimals and JSON, strictly and with clear messages."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from models.errors import BadInput

JSON = NewType("JSON", object)
Criteria = NewType("Criteria", object)

LONGEST_DECIMAL = 40  # characters, far more than a field can store
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)

INSTANT_FORM = 'A DateTime is written like "2026-03-29T09:30:00+02:00": with seconds, at most six digits after them, and an offset or Z.'
DAY_FORM = 'A Date is written like "2026-03-29".'
DECIMAL_FORM = f'A Decimal is written like "12.50", in quotes so that no digit is lost, with at most {LONGEST_DECIMAL} characters.'


def parse_instant(value: object) -> datetime:
    """Parse an instant with an offset."""
    if not isinstance(value, str) or not INSTANT.fullmatch(value):
        raise BadInput(INSTANT_FORM)
    try:
        instant = datetime.fromisoformat(value.upper())
        instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"{value} does not exist. {INSTANT_FORM}") from None
    return instant


def write_instant(instant: datetime) -> str:
    """Write an instant in UTC, with Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_day(value: object) -> date:
    """Parse a day."""
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise BadInput(DAY_FORM)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise BadInput(f"{value} does not exist. {DAY_FORM}") from None


def parse_decimal(value: object) -> Decimal:
    """Parse a decimal exactly. An integer may come without quotes."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or len(text) > LONGEST_DECIMAL or not DECIMAL.fullmatch(text):
        raise BadInput(DECIMAL_FORM)
    return Decimal(text)


def write_decimal(value: Decimal) -> str:
    """Write a decimal with all digits and without an exponent."""
    return f"{value:f}"


def _same(value: object) -> object:
    return value


def _scalar(name: str, serialize: Callable[..., object], parse: Callable[[object], object]) -> ScalarDefinition:
    return strawberry.scalar(name=name, serialize=serialize, parse_value=parse)


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar("DateTime", write_instant, parse_instant),
    date: _scalar("Date", date.isoformat, parse_day),
    Decimal: _scalar("Decimal", write_decimal, parse_decimal),
    JSON: _scalar("JSON", _same, _same),
    Criteria: _scalar("Criteria", _same, _same),
}
