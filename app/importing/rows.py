"""From a record of the file to a row for the resolvers: each cell in the form that its field takes, and the tags."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.importing.fields import Field
from app.importing.plan import Plan
from app.importing.table import Record
from models import FieldType
from models.text import fold
from resolvers.drafts import Aim, Row
from resolvers.tag_refs import TagRef

TRUE = ("true", "yes", "y", "1", "x", "on")
FALSE = ("false", "no", "n", "0", "off")

_SEPARATORS = re.compile(r"[;|]")

Value = str | bool | list[str]


@dataclass(frozen=True, slots=True)
class RowMaker:
    """Makes rows of the records of one file."""

    plan: Plan
    zone: ZoneInfo

    def problem_of(self, record: Record) -> str | None:
        """Why the record cannot be made a row, if it cannot."""
        column = self.plan.email_column
        if record.problem is None and column is not None and not record.cells[column].strip():
            return "The row has no e-mail address."
        return record.problem

    def key_of(self, record: Record) -> str | int:
        """What records that are about the same contact have in common."""
        column = self.plan.email_column
        return record.line if column is None or self.problem_of(record) else fold(record.cells[column])

    def row(self, record: Record) -> Row:
        """The row; empty cells leave what the contact has."""
        fields: dict[str, Value | dict[str, Value]] = {}
        custom: dict[str, Value] = {}
        for index, field in self.plan.fields.items():
            if cell := record.cells[index].strip():
                (custom if field.is_custom else fields)[field.key] = self._value(field, cell)
        if custom:
            fields["custom_fields"] = dict(custom)
        aim = Aim.CREATE if self.plan.email_column is None else Aim.UPSERT
        return Row(fields, tuple(self._tags(record)), create_missing_tags=True, aim=aim, path=())

    def _tags(self, record: Record) -> Iterator[TagRef]:
        named = [*self.plan.tags]
        if self.plan.tag_column is not None:
            named += _entries(record.cells[self.plan.tag_column])
        for name in {fold(name): name for name in reversed(named)}.values():
            yield {"name": name}

    def _value(self, field: Field, cell: str) -> Value:
        if field.type is FieldType.LIST:
            return _entries(cell)
        if field.type is FieldType.CHECKBOX:
            return _checkbox(cell)
        if field.type is FieldType.DATE_TIME or field.key == "last_activity_at":
            return self._instant(cell)
        return cell

    def _instant(self, cell: str) -> str:
        """An instant that is written without an offset is one in the account's time zone."""
        try:
            found = datetime.fromisoformat(cell)
        except ValueError:
            return cell
        return cell if found.tzinfo else found.replace(tzinfo=self.zone).isoformat()


def _entries(cell: str) -> list[str]:
    return [entry for part in _SEPARATORS.split(cell) if (entry := part.strip())]


def _checkbox(cell: str) -> str | bool:
    if fold(cell) in TRUE:
        return True
    return False if fold(cell) in FALSE else cell
