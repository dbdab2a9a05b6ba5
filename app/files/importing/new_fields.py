"""The custom fields that an import makes for columns without one: all of them are checked before the first is made."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.files.exchange import CUSTOM
from app.files.importing.fields import key_for, names_of, plain
from app.files.importing.plan import IGNORE, Plan
from models import CustomField
from models.errors import BadInput, Refused
from resolvers.records.fields import KEY, LONGEST_LABEL, MOST_FIELDS
from resolvers.values.validation import required_text

_PREFIX = f"{CUSTOM}."
_REMEDY = f'Leave columns out with --map "COLUMN={IGNORE}".'


class NewField(NamedTuple):
    """A custom field to be made for a column."""

    column: str
    key: str

    @property
    def label(self) -> str:
        """What people read."""
        return self.column.removeprefix(_PREFIX)

    def refused(self, reason: str) -> BadInput:
        """Why the column cannot be a field."""
        return BadInput(f"--create-fields: the column {self.column} cannot be a field. {reason} {_REMEDY}")


def new_fields(plan: Plan, known: Sequence[CustomField]) -> list[NewField]:
    """A field for each column that has none, in their order; raises `BadInput` if a single one of them cannot be."""
    found = list(_fields_of([plan.columns[index] for index in plan.unmatched], known))
    for field in found:
        _check(field)
    room = MOST_FIELDS - len(known)
    if len(found) > room:
        raise BadInput(f"--create-fields: {len(found):,} columns have no field, and the account has room for {room:,} more. {_REMEDY}")
    return found


def _fields_of(columns: Sequence[str], known: Sequence[CustomField]) -> Iterator[NewField]:
    """Columns of an export name their keys exactly; of others, those that are written differently but mean the same share a field."""
    exact = {column: column.removeprefix(_PREFIX) for column in columns if column.startswith(_PREFIX)}
    keys = {field.key for field in known}
    taken = keys | set(exact.values())
    meant = {*names_of(known).own, *map(plain, exact.values())}
    for column in columns:
        if column in exact and exact[column] not in keys:
            yield NewField(column, exact[column])
        elif column not in exact and plain(column) not in meant:
            field = NewField(column, key_for(column, taken))
            taken.add(field.key)
            meant.add(plain(column))
            yield field


def _check(field: NewField) -> None:
    try:
        required_text(field.label, LONGEST_LABEL)
    except Refused as refused:
        raise field.refused(refused.message) from None
    if not KEY.fullmatch(field.key):
        raise field.refused(f"After {_PREFIX} there must be a small letter, and at most 63 more letters, digits and underscores.")
