"""Reads files with one JSON object per line as tables whose columns are all keys of the objects."""

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import orjson

from app.files.exchange import CUSTOM, custom_column
from app.files.importing.table import ABSENT, ADDED, NOT_MENDED, PROGRESS_EVERY, TEXT, TOO_LONG, Progress, Record, WriteBadRow
from models.errors import BadInput

LARGEST_LINE = 2**28  # bytes: 500 lists of 500 choices have 150 MB where each character is escaped, and no contact can have more
MOST_COLUMNS = 2_000  # keys of all objects together. A file with more probably uses values as keys

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JsonlTable:
    """A file with one JSON object per line."""

    path: Path
    columns: tuple[str, ...]
    size: int
    suffix: str = ".jsonl"
    is_typed: bool = True

    def records(self, progress: Progress) -> Iterator[Record]:
        """Yield every object that is not empty, and report the number of bytes read to `progress`."""
        for record in _objects(self.path, progress):
            if record.problem is not None:
                yield record
            elif cells := _flat(record.source):
                yield Record(record.line, [cells.get(column, ABSENT) for column in self.columns], source=record.source)

    def bad_row_writer(self, stream: TextIO) -> WriteBadRow:
        """Return a function that writes a bad row with its reason to the stream."""

        def reject(record: Record, reason: str) -> None:
            row = record.source if isinstance(record.source, dict) else {TEXT: record.source}
            stream.write(orjson.dumps(row | dict(zip(ADDED, (record.line, reason), strict=True))).decode() + "\n")

        return reject


def open_jsonl(path: Path) -> JsonlTable:
    """Open a file of JSON objects and read all of it to find its columns. Raises `BadInput` if no line is an object."""
    columns: dict[str, None] = {}
    unread: Record | None = None
    for record in _objects(path, lambda _: None):
        if record.problem is None:
            columns |= dict.fromkeys(_flat(record.source))
        else:
            unread = unread or record
        if len(columns) > MOST_COLUMNS:
            raise BadInput(f"{path} has objects of more than {MOST_COLUMNS:,} different keys. Give the same fields the same names.")
    if not columns:
        reason = f" Line {unread.line}: {unread.problem}" if unread else ""
        raise BadInput(f'{path} has no line that can be read as a JSON object, such as {{"email": "ann@example.com"}}.{reason}')
    return JsonlTable(path, tuple(columns), path.stat().st_size)


def _objects(path: Path, progress: Progress) -> Iterator[Record]:
    with path.open("rb") as raw:
        line = 0
        while text := raw.readline(LARGEST_LINE):
            line += 1
            if line % PROGRESS_EVERY == 0:
                progress(raw.tell())
            whole = text.endswith(b"\n") or len(text) < LARGEST_LINE
            while not whole:
                whole = raw.readline(LARGEST_LINE)[-1:] in (b"\n", b"")
                text = b""
            if text.strip() or not text:
                yield _read(line, text.removeprefix(BOM_UTF8) if line == 1 else text)


def _read(line: int, text: bytes) -> Record:
    if not text:
        return Record(line, (), f"The line has more than {LARGEST_LINE:,} bytes.", TOO_LONG)
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Record(line, (), f"The line is not JSON in UTF-8: {error.msg}.", text.decode(errors="replace").rstrip("\r\n"))
    if not isinstance(found, dict) or not isinstance(found.get(CUSTOM) or {}, dict):
        said = f"The value of {CUSTOM}" if isinstance(found, dict) else "The line"
        return Record(line, (), f"{said} is not a JSON object.", found)
    for name in ADDED:
        found.pop(name, None)
    if found.get(TEXT):
        return Record(line, (), NOT_MENDED, found)
    found.pop(TEXT, None)
    return Record(line, (), source=found)


def _flat(found: Object) -> dict[str, Any]:
    """Return the object with each custom field as a column of its own."""
    flat = dict(found)
    own = flat.pop(CUSTOM, None) or {}
    return flat | {custom_column(key): value for key, value in own.items()}
