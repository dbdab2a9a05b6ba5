"""From a record of the file to a row for the resolvers: each cell in the form that its field takes, and the tags."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.files.exchange import TAGS, entries_of, unshielded
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
MOST_TAGS = 10_000  # of one row: contacts come to have more tags than anybody would type, and are exported with them
MOST_REMEMBERED = 2_048  # cells of tags that are kept apart, for most of them come again
LONGEST_REMEMBERED = 200  # characters of such a cell

_WRITTEN = {FieldType.TEXT, FieldType.LONG_TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.DROPDOWN}
_WRITTEN |= {FieldType.COUNTRY, FieldType.STATE, FieldType.TIMEZONE}

_ID = "#"  # begins a key that no e-mail address is

Read = Callable[[Any], Any]
Readers = Sequence[tuple[int, str, Read]]  # by column: the key of its field, and how its cells are read


class Place(NamedTuple):
    """The account that a file is imported into, as far as cells depend on it."""

    zone: ZoneInfo
    mark: str
    """What stands beside ids that are valid in it."""
    user_ids: Mapping[str, int]
    """Its users by their folded e-mail addresses."""


@dataclass(frozen=True, slots=True)
class RowMaker:
    """Makes rows of the records of one file."""

    plan: Plan
    place: Place
    written: Read
    """How texts are read."""
    readers: Readers
    custom_readers: Readers

    @classmethod
    def of(cls, plan: Plan, place: Place, *, is_typed: bool) -> "RowMaker":
        """One for files whose columns are as planned; `is_typed` as in a `Table`."""
        written: Read = _as_it_is if is_typed else unshielded if plan.is_export else str.strip
        readers = {index: _reader(field, place, written) for index, field in plan.fields.items()}
        own, custom = (
            [(index, field.key, readers[index]) for index, field in plan.fields.items() if field.is_custom is is_custom]
            for is_custom in (False, True)
        )
        return cls(plan, place, written, own, custom)

    def problem_of(self, record: Record) -> str | None:
        """Why the record cannot be made a row, if it cannot."""
        if record.problem is None and self.plan.email_column is not None and not self.plan.is_export and not self._email(record):
            return "The row has no e-mail address."
        if record.problem is None and not isinstance(self._tag_cell(record), (str, list)):
            return f"{self.plan.column_at([TAGS])}: Expected a list of names."
        return record.problem

    def key_of(self, record: Record) -> str | int:
        """What records that are about the same contact have in common."""
        if record.problem is not None:
            return record.line
        if (own := self._own_id(record)) is not None:
            return f"{_ID}{own}"
        return self.address_of(record) or record.line

    def address_of(self, record: Record) -> str:
        """The folded e-mail address of a record that can be read."""
        return fold(self._email(record))

    def row(self, record: Record) -> Row:
        """The row, checked as far as nothing need be looked up; what is absent leaves what the contact has."""
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
        return _said(self.written(record.cells[self.plan.email_column])) if self.plan.email_column is not None else ""

    def _id(self, record: Record) -> str:
        return _said(record.cells[self.plan.id_column]) if self.plan.id_column is not None else ""

    def _own_id(self, record: Record) -> int | None:
        """The contact that the row names, if it does so in words of this account."""
        column = self.plan.mark_column
        if column is None or not self.place.mark or _said(record.cells[column]) != self.place.mark:
            return None
        return number_of(self._id(record), "Contact")

    def _aim(self, record: Record, own: int | None) -> Aim:
        """A contact of another account that has no address is new here, even if nothing is said about it."""
        comes_from_elsewhere = own is None and bool(self._id(record)) and not self._email(record)
        return Aim.CREATE if comes_from_elsewhere or self._finds_nobody else Aim.UPSERT

    @property
    def _finds_nobody(self) -> bool:
        return self.plan.email_column is None and not self.plan.is_export

    def _tags(self, record: Record) -> tuple[TagRef, ...]:
        cell = self._tag_cell(record)
        if isinstance(cell, str) and len(cell) <= LONGEST_REMEMBERED:
            return _refs_in(self.plan.tags, cell)
        return _refs(self.plan.tags, _list(cell))

    def _tag_cell(self, record: Record) -> Any:
        """The names of tags as the row has them; anything else where they are not names."""
        cell = ABSENT if self.plan.tag_column is None else record.cells[self.plan.tag_column] or ABSENT
        return None if isinstance(cell, list) and not all(isinstance(name, str) for name in cell) else cell


def is_id(key: str | int) -> bool:
    """Whether records that have this key are those that name their contact by its id."""
    return isinstance(key, str) and key.startswith(_ID)


def _values(record: Record, readers: Readers) -> dict[str, Any]:
    """What a record says, by the keys of the fields."""
    return {
        key: value
        for index, key, read in readers
        if (cell := record.cells[index]) != ABSENT and (value := None if cell is None else read(cell)) != ABSENT
    }


@lru_cache(maxsize=MOST_REMEMBERED)
def _refs_in(always: tuple[str, ...], cell: str) -> tuple[TagRef, ...]:
    return _refs(always, entries_of(cell))


def _refs(always: Iterable[str], names: Iterable[str]) -> tuple[TagRef, ...]:
    """Tags that every row has and those of this one, each once."""
    distinct = {fold(name): name for name in reversed([*always, *names])}
    return tuple({"name": name} for name in distinct.values())


def _reader(field: Field, place: Place, written: Read) -> Read:
    """How the cells of a field's column are read."""
    if field.key == OWNER_KEY and not field.is_custom:
        return partial(_owner, place.user_ids, written)
    if field.type is FieldType.LIST:
        return _list
    if field.type is FieldType.CHECKBOX:
        return _checkbox
    if field.type is FieldType.DATE_TIME or (field.key == "last_activity_at" and not field.is_custom):
        return partial(_instant, place.zone)
    is_text = field.type in _WRITTEN if field.is_custom else field.key in CONTACT_TEXTS
    return written if is_text else _stripped


def _as_it_is(cell: Any) -> Any:
    return cell


def _stripped(cell: Any) -> Any:
    return cell.strip() if isinstance(cell, str) else cell


def _said(cell: Any) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def _list(cell: Any) -> Any:
    return entries_of(cell) if isinstance(cell, str) else cell


def _checkbox(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    if fold(cell) in TRUE:
        return True
    return False if fold(cell) in FALSE else cell.strip()


def _instant(zone: ZoneInfo, cell: Any) -> Any:
    """An instant that is written without an offset is one in the account's time zone."""
    try:
        found = datetime.fromisoformat(cell.strip())
        # In UTC, since before there were time zones the offsets were of seconds too.
        return cell.strip() if found.tzinfo else found.replace(tzinfo=zone).astimezone(UTC).isoformat()
    except (AttributeError, ValueError, OverflowError):
        return _stripped(cell)


def _owner(user_ids: Mapping[str, int], written: Read, cell: Any) -> str:
    """The id of the user with this address; where there is none, one that nobody has."""
    if isinstance(cell, str) and not cell.strip():
        return ABSENT
    return to_global_id("User", user_ids.get(fold(_said(written(cell))), 0))
