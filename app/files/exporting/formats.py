"""The formats of an export; `muster import` reads each of them back to the same contacts."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from app.files.exchange import CUSTOM, ID, MARK, OWNER, TAGS, custom_column, joined, shielded
from models.ids import to_global_id
from resolvers.records.exports import COLUMNS, ExportedContact
from resolvers.values.validation import camel


class Format(StrEnum):
    """What a file is made of."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file says of each contact, and the account that its ids belong to."""

    mark: str
    custom: Sequence[str]
    emails: Mapping[int, str]
    """Users' addresses by their ids."""

    def names(self) -> list[str]:
        """The names of all columns in a table."""
        return [ID, MARK, *map(camel, COLUMNS), OWNER, TAGS, *map(custom_column, self.custom)]

    def owner(self, contact: ExportedContact) -> str | None:
        """The address of the contact's owner."""
        return None if contact.owner_id is None else self.emails.get(contact.owner_id)


class CsvWriter:
    """A table in which cells are quoted where they must be, and no cell is a formula."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """What comes before all contacts."""
        return _table([self._columns.names()])

    def part(self, contacts: Iterable[ExportedContact]) -> bytes:
        """These contacts."""
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
            return shielded(value)
    return str(value)


class JsonlWriter:
    """A JSON object on each line, with null for what is missing."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """What comes before all contacts."""
        return b""

    def part(self, contacts: Iterable[ExportedContact]) -> bytes:
        """These contacts."""
        return b"".join(orjson.dumps(self._object(contact), option=orjson.OPT_APPEND_NEWLINE) for contact in contacts)

    def _object(self, contact: ExportedContact) -> dict[str, Any]:
        marked = {ID: to_global_id("Contact", contact.id), MARK: self._columns.mark}
        beyond = {OWNER: self._columns.owner(contact), TAGS: contact.tags}
        return {**marked, **contact.fields, **beyond, CUSTOM: {key: contact.custom.get(key) for key in self._columns.custom}}


WRITERS: Mapping[Format, Callable[[Columns], CsvWriter | JsonlWriter]] = {Format.CSV: CsvWriter, Format.JSONL: JsonlWriter}
