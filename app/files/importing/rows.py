"""Converts records of the file to rows to save: each cell in the form that its field takes, and the tags."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.files.exchange import TAGS, split_entries, unescaped
from app.files.importing.fields import OWNER_KEY, Field
from app.files.importing.plan import Plan
from app.files.importing.table import ABSENT, Record
from models import FieldType
from models.ids import number_of, to_global_id
from models.records import CONTACT_TEXTS
from models.text import fold
from resolvers.records.drafts import Aim, Checked, Row
from resolvers.tagging.references import TagRef

TRUE = ("true", "yes", "y", "1", "x", "on")
FALSE = ("false", "no", "n", "0", "off")
MOST_TAGS = 10_000  # of one row. Contacts with more tags than anybody would type can be exported
MOST_REMEMBERED = 2_048  # distinct cells of tags whose result is cached, because most of them occur again
LONGEST_REMEMBERED = 200  # characters of such a cell

_WRITTEN = {FieldType.TEXT, FieldType.LONG_TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.DROPDOWN}
_WRITTEN |= {FieldType.COUNTRY, FieldType.STATE, FieldType.TIMEZONE}

_ID = "#"  # begins keys that cannot be e-mail addresses

Read = Callable[[Any], Any]
Readers = Sequence[tuple[int, str, Read]]  # for each column its position, the key of its field, and the function that reads its cells


class TargetAccount(NamedTuple):
    """What cells mean in the account that the file is imported into."""

    zone: ZoneInfo
    mark: str
    """The mark in the file beside ids that are valid in this account."""
    user_ids: Mapping[str, int]
    """User ids by folded e-mail address."""


@dataclass(frozen=True, slots=True)
class RowMaker:
    """Converts the records of one file to rows."""

    plan: Plan
    account: TargetAccount
    written: Read
    """Reads the cell of a text field."""
    readers: Readers
    custom_readers: Readers

    @classmethod
    def of(cls, plan: Plan, account: TargetAccount, *, is_typed: bool) -> "RowMaker":
        """Create a converter for a file with planned columns. For `is_typed` see `Table`."""
        written: Read = _as_it_is if is_typed else unescaped if plan.is_export else str.strip
        readers = {index: _reader(field, account, written) for index, field in plan.fields.items()}
        own, custom = (
            [(index, field.key, readers[index]) for index, field in plan.fields.items() if field.is_custom is is_custom]
            for is_custom in (False, True)
        )
        return cls(plan, account, written, own, custom)

    def problem_of(self, record: Record) -> str | None:
        """Return why the record cannot become a row, or None."""
        if record.problem is None and self.plan.email_column is not None and not self.plan.is_export and not self._email(record):
            return "The row has no e-mail address."
        if record.problem is None and not isinstance(self._tag_cell(record), (str, list)):
            return f"{self.plan.column_at([TAGS])}: Expected a list of names."
        return record.problem

    def key_of(self, record: Record) -> str | int:
        """Return a key that all records about the same contact share."""
        if record.problem is not None:
            return record.line
        if (own := self._own_id(record)) is not None:
            return f"{_ID}{own}"
        return self.address_of(record) or record.line

    def address_of(self, record: Record) -> str:
        """Return the folded e-mail address of a readable record, which may be empty."""
        return fold(self._email(record))

    def row(self, record: Record) -> Row:
        """Convert a record to a row, checked as far as possible without the database. Absent cells leave the contact's values unchanged."""
        fields = _values(record, self.readers)
        if custom := _values(record, self.custom_readers):
            fields["custom_fields"] = custom
        own, tags = self._own_id(record), self._tags(record)
        return Row(
            fields,
            tags,
            create_missing_tags=True,
            aim=self._aim(record, own),
            contact_id=own,
            path=(),
            most_tags=MOST_TAGS,
            checked=Checked.of(fields),
        )

    def _email(self, record: Record) -> str:
        return _stripped_text(self.written(record.cells[self.plan.email_column])) if self.plan.email_column is not None else ""

    def _id(self, record: Record) -> str:
        return _stripped_text(record.cells[self.plan.id_column]) if self.plan.id_column is not None else ""

    def _own_id(self, record: Record) -> int | None:
        """Return the id of the contact that the row names, if the id is valid in this account."""
        column = self.plan.mark_column
        if column is None or not self.account.mark or _stripped_text(record.cells[column]) != self.account.mark:
            return None
        return number_of(self._id(record), "Contact")

    def _aim(self, record: Record, own: int | None) -> Aim:
        """Decide whether a row creates a contact or updates an existing one.

        An exported row of another account without an e-mail address always creates one.
        """
        is_foreign = own is None and bool(self._id(record)) and not self._email(record)
        return Aim.CREATE if is_foreign or self._has_no_key_column else Aim.UPSERT

    @property
    def _has_no_key_column(self) -> bool:
        return self.plan.email_column is None and not self.plan.is_export

    def _tags(self, record: Record) -> tuple[TagRef, ...]:
        cell = self._tag_cell(record)
        if isinstance(cell, str) and len(cell) <= LONGEST_REMEMBERED:
            return _refs_in(self.plan.tags, cell)
        return _refs(self.plan.tags, _list(cell))

    def _tag_cell(self, record: Record) -> Any:
        """Return the cell with the tag names, or None if it contains something else."""
        cell = ABSENT if self.plan.tag_column is None else record.cells[self.plan.tag_column] or ABSENT
        return None if isinstance(cell, list) and not all(isinstance(name, str) for name in cell) else cell


def is_id(key: str | int) -> bool:
    """Whether the key is that of records which name their contact by id."""
    return isinstance(key, str) and key.startswith(_ID)


def _values(record: Record, readers: Readers) -> dict[str, Any]:
    """Return the values of a record by the keys of their fields."""
    return {
        key: value
        for index, key, read in readers
        if (cell := record.cells[index]) != ABSENT and (value := None if cell is None else read(cell)) != ABSENT
    }


@lru_cache(maxsize=MOST_REMEMBERED)
def _refs_in(always: tuple[str, ...], cell: str) -> tuple[TagRef, ...]:
    return _refs(always, split_entries(cell))


def _refs(always: Iterable[str], names: Iterable[str]) -> tuple[TagRef, ...]:
    """Return references to the tags of every row and of this row, each once."""
    distinct = {fold(name): name for name in reversed([*always, *names])}
    return tuple({"name": name} for name in distinct.values())


def _reader(field: Field, account: TargetAccount, written: Read) -> Read:
    """Return the function that reads the cells of a field's column."""
    if field.key == OWNER_KEY and not field.is_custom:
        return partial(_owner, account.user_ids, written)
    if field.type is FieldType.LIST:
        return _list
    if field.type is FieldType.CHECKBOX:
        return _checkbox
    if field.type is FieldType.DATE_TIME or (field.key == "last_activity_at" and not field.is_custom):
        return partial(_instant, account.zone)
    is_text = field.type in _WRITTEN if field.is_custom else field.key in CONTACT_TEXTS
    return written if is_text else _stripped


def _as_it_is(cell: Any) -> Any:
    return cell


def _stripped(cell: Any) -> Any:
    return cell.strip() if isinstance(cell, str) else cell


def _stripped_text(cell: Any) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def _list(cell: Any) -> Any:
    return split_entries(cell) if isinstance(cell, str) else cell


def _checkbox(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    if fold(cell) in TRUE:
        return True
    return False if fold(cell) in FALSE else cell.strip()


def _instant(zone: ZoneInfo, cell: Any) -> Any:
    """Read an instant, which is in the account's time zone if it has no offset."""
    try:
        found = datetime.fromisoformat(cell.strip())
        # In UTC, because offsets before the invention of time zones have seconds.
        return cell.strip() if found.tzinfo else found.replace(tzinfo=zone).astimezone(UTC).isoformat()
    except (AttributeError, ValueError, OverflowError):
        return _stripped(cell)


def _owner(user_ids: Mapping[str, int], written: Read, cell: Any) -> str:
    """Return the id of the user with this e-mail address, or an id that no user has."""
    if isinstance(cell, str) and not cell.strip():
        return ABSENT
    return to_global_id("User", user_ids.get(fold(_stripped_text(written(cell))), 0))
