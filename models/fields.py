"""Column types that compare, order and index the same way on SQLite and PostgreSQL.

Instants, days and decimals are stored as integers: SQLite has no such types and would compare them as text, while an
integer is exact, small and indexable on both engines and needs no conversion in hand-written SQL.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from tortoise.fields import Field
from typing_extensions import override

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.date().toordinal()
MICROSECOND = timedelta(microseconds=1)
DECIMAL_PLACES = 4
DECIMAL_UNIT = Decimal(1).scaleb(-DECIMAL_PLACES)
DECIMAL_LIMIT = Decimal(10) ** 14


def to_microseconds(instant: datetime) -> int:
    """An aware instant as whole microseconds since 1970-01-01T00:00Z."""
    return (instant - EPOCH) // MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The UTC instant that lies `count` microseconds after 1970-01-01T00:00Z."""
    return EPOCH + timedelta(microseconds=count)


def to_day_number(day: date) -> int:
    """A calendar day as days since 1970-01-01."""
    return day.toordinal() - EPOCH_DAY


def from_day_number(number: int) -> date:
    """The calendar day that lies `number` days after 1970-01-01."""
    return date.fromordinal(number + EPOCH_DAY)


def to_units(value: Decimal) -> int:
    """A decimal of at most four places as a whole number of ten-thousandths."""
    return int(value.scaleb(DECIMAL_PLACES))


def from_units(units: int) -> Decimal:
    """The decimal that a number of ten-thousandths stands for, without trailing zeros after the point."""
    value = Decimal(units).scaleb(-DECIMAL_PLACES)
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


class TextColumn(Field[str]):
    """Unicode text as given."""

    field_type = str
    SQL_TYPE = "TEXT"


class FoldedColumn(Field[str]):
    """Folded text, ordered by code point on both engines, so that ranges and prefixes agree with Python."""

    field_type = str
    SQL_TYPE = "TEXT"

    class _db_postgres:  # noqa: N801  # the ORM looks for this name
        SQL_TYPE = 'TEXT COLLATE "C"'


class InstantColumn(Field[datetime]):
    """An instant, stored as microseconds since 1970-01-01T00:00Z."""

    field_type = datetime
    SQL_TYPE = "BIGINT"

    @override
    def to_db_value(self, value: datetime | int | None, _instance: Any) -> int | None:
        return to_microseconds(value) if isinstance(value, datetime) else value

    @override
    def to_python_value(self, value: datetime | int | None) -> datetime | None:
        return from_microseconds(value) if isinstance(value, int) else value


class DayColumn(Field[date]):
    """A calendar day, stored as days since 1970-01-01."""

    field_type = date
    SQL_TYPE = "INT"

    @override
    def to_db_value(self, value: date | int | None, _instance: Any) -> int | None:
        return to_day_number(value) if isinstance(value, date) else value

    @override
    def to_python_value(self, value: date | int | None) -> date | None:
        return from_day_number(value) if isinstance(value, int) else value


class DecimalColumn(Field[Decimal]):
    """An exact decimal of at most four places, stored as ten-thousandths."""

    field_type = Decimal
    SQL_TYPE = "BIGINT"

    @override
    def to_db_value(self, value: Decimal | int | None, _instance: Any) -> int | None:
        return to_units(value) if isinstance(value, Decimal) else value

    @override
    def to_python_value(self, value: Decimal | int | None) -> Decimal | None:
        return from_units(value) if isinstance(value, int) else value


class DocumentColumn(Field[Any]):
    """A JSON document, kept as text in the order in which it was written."""

    field_type = object
    SQL_TYPE = "TEXT"
    indexable = False

    @override
    def to_db_value(self, value: Any, _instance: Any) -> str | None:
        return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()

    @override
    def to_python_value(self, value: Any) -> Any:
        return orjson.loads(value) if isinstance(value, str) else value
