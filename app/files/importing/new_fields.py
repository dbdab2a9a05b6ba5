"""Plans the custom fields that an import creates, and checks all of them before the first is created."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.files.exchange import CUSTOM
from app.files.importing.fields import key_for, names_of, normalised
from app.files.importing.plan import IGNORE, Plan
from models import CustomField
from models.errors import BadInput, Refused
from resolvers.records.fields import KEY, LONGEST_LABEL, MOST_FIELDS
from resolvers.values.validation import required_text

_PREFIX = f"{CUSTOM}."
_REMEDY = f'Leave columns out with --map "COLUMN={IGNORE}".'


class NewField(NamedTuple):
    """A custom field to create for a column."""

    column: str
    key: str

    @property
    def label(self) -> str:
        """The label of the field."""
        return self.column.removeprefix(_PREFIX)

    def refused(self, reason: str) -> BadInput:
        """Return the error for a column that cannot become a field."""
        return BadInput(f"--create-fields: the column {self.column} cannot be a field. {reason} {_REMEDY}")


def new_fields(plan: Plan, known: Sequence[CustomField]) -> list[NewField]:
    """Plan a custom field for each column that matches none. Raises `BadInput` if any of them is invalid."""
    found = list(_fields_of([plan.columns[index] for index in plan.unmatched], known))
    for field in found:
        _check(field)
    room = MOST_FIELDS - len(known)
    if len(found) > room:
        raise BadInput(f"--create-fields: {len(found):,} columns have no field, and the account has room for {room:,} more. {_REMEDY}")
    return found


def _fields_of(columns: Sequence[str], known: Sequence[CustomField]) -> Iterator[NewField]:
    """Yield the custom fields to create.

    Columns of an export contain the exact key. Other columns share one field if their normalised names are the same.
    """
    exact = {column: column.removeprefix(_PREFIX) for column in columns if column.startswith(_PREFIX)}
    keys = {field.key for field in known}
    taken = keys | set(exact.values())
    meant = {*names_of(known).own, *map(normalised, exact.values())}
    for column in columns:
        if column in exact and exact[column] not in keys:
            yield NewField(column, exact[column])
        elif column not in exact and normalised(column) not in meant:
            field = NewField(column, key_for(column, taken))
            taken.add(field.key)
            meant.add(normalised(column))
            yield field


def _check(field: NewField) -> None:
    try:
        required_text(field.label, LONGEST_LABEL)
    except Refused as refused:
        raise field.refused(refused.message) from None
    if not KEY.fullmatch(field.key):
        raise field.refused(f"After {_PREFIX} there must be a lower-case letter, then at most 63 letters, digits and underscores.")
