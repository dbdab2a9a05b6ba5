"""The file formats of an export. `muster import` reads each of them back to the same contacts."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from app.files.exchange import CUSTOM, ID, MARK, OWNER, TAGS, custom_column, escaped, joined
from models.ids import to_global_id
from resolvers.records.exports import COLUMNS, ExportedContact
from resolvers.values.validation import camel


class Format(StrEnum):
    """A file format."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file: those of every contact, and one for each key in `custom`."""

    mark: str
    """Identifies the account that the ids belong to, so that an import elsewhere does not take them for its own."""
    custom: Sequence[str]
    emails: Mapping[int, str]
    """E-mail addresses of users, by user id."""

    def names(self) -> list[str]:
        """Return the names of the columns, for the first line of a CSV file."""
        return [ID, MARK, *map(camel, COLUMNS), OWNER, TAGS, *map(custom_column, self.custom)]

    def owner(self, contact: ExportedContact) -> str | None:
        """Return the e-mail address of the contact's owner."""
        return None if contact.owner_id is None else self.emails.get(contact.owner_id)


class CsvWriter:
    """Writes CSV with quotes only where needed, and without formulas."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Return what the file begins with."""
        return _table([self._columns.names()])

    def part(self, contacts: Iterable[ExportedContact]) -> bytes:
        """Return these contacts in the format."""
        return _table(map(self._row, contacts))

    def _row(self, contact: ExportedContact) -> list[str]:
        values = [*contact.fields.values(), self._columns.owner(contact), contact.tags, *map(contact.custom.get, self._columns.custom)]
        return [to_global_id("Contact", contact.id), self._columns.mark, *map(_cell, values)]


def _table(rows: Iterable[Sequence[str]]) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue().encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return joined(value)
        case str():
            return escaped(value)
    return str(value)


class JsonlWriter:
    """Writes one JSON object per line, with null for missing values."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Return what the file begins with."""
        return b""

    def part(self, contacts: Iterable[ExportedContact]) -> bytes:
        """Return these contacts in the format."""
        return b"".join(orjson.dumps(self._object(contact), option=orjson.OPT_APPEND_NEWLINE) for contact in contacts)

    def _object(self, contact: ExportedContact) -> dict[str, Any]:
        marked = {ID: to_global_id("Contact", contact.id), MARK: self._columns.mark}
        beyond = {OWNER: self._columns.owner(contact), TAGS: contact.tags}
        return {**marked, **contact.fields, **beyond, CUSTOM: {key: contact.custom.get(key) for key in self._columns.custom}}


WRITERS: Mapping[Format, Callable[[Columns], CsvWriter | JsonlWriter]] = {Format.CSV: CsvWriter, Format.JSONL: JsonlWriter}
