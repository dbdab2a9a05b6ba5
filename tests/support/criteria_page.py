"""The readers' reference of criteria, docs/criteria.md, taken apart: its entries, tables and examples."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

REFERENCE = (Path(__file__).parents[2] / "docs" / "criteria.md").read_text(encoding="utf-8")

HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
TYPE = re.compile(r"`([A-Z][A-Za-z]+)`")
KEY = re.compile(r"`(\w+)`")
EXAMPLE = re.compile(r"^(?:- `(?P<line>\{[^`]+\})` → |```json\n(?P<block>[^`]+)\n```\n> )(?P<says>.+)$", re.MULTILINE)
DIAGNOSTIC = re.compile(r"([A-Z_]+) at `([\w.]+)`: (.+)")


class Entry(NamedTuple):
    """A heading with the text up to the next one, and the input types that it is about, by itself or by a heading above."""

    title: str
    body: str
    types: tuple[str, ...]

    @property
    def key(self) -> str | None:
        """The key that the entry explains, if it explains a single one."""
        found = KEY.fullmatch(self.title)
        return found and found[1]

    def rows(self, first: str) -> list[list[str]]:
        """The rows of the tables whose first column has this name."""
        tables = re.findall(r"^(\|.+\|)\n\|[-|]+\|\n((?:\|.+\|\n)+)", self.body, re.MULTILINE)
        return [_cells(row) for head, rows in tables if _cells(head)[0] == first for row in rows.splitlines()]

    @property
    def keys(self) -> set[str]:
        """The keys that the entry explains in its title or in a table."""
        cells = [row[0] for first in ("key", "name") for row in self.rows(first)]
        return {key for cell in cells for key in KEY.findall(cell)} | ({self.key} if self.key else set())


class Example(NamedTuple):
    """A document, and what the reference says of it: its sentence, or the diagnostics or refusals that it meets."""

    document: dict[str, Any]
    says: str
    entry: Entry


def _cells(row: str) -> list[str]:
    return [cell.strip(" ") for cell in row.strip("|").split("|")]


def _entries() -> Iterator[Entry]:
    above: dict[int, tuple[str, ...]] = {}
    found = list(HEADING.finditer(REFERENCE))
    for heading, following in zip(found, [*found[1:], None], strict=True):
        level, title = len(heading[1]), heading[2]
        inherited = next((above[each] for each in range(level - 1, 0, -1) if each in above), ())
        above = {each: types for each, types in above.items() if each < level} | {level: tuple(TYPE.findall(title)) or inherited}
        yield Entry(title, REFERENCE[heading.end() : following.start() if following else None], above[level])


ENTRIES = list(_entries())


def about(type_name: str) -> list[Entry]:
    """The entries about an input type."""
    return [entry for entry in ENTRIES if type_name in entry.types]


def entry(title: str) -> Entry:
    """The entry with this title."""
    (found,) = [each for each in ENTRIES if each.title == title]
    return found


def _whole(document: dict[str, Any]) -> dict[str, Any]:
    """A document as it is sent: most examples are conditions on a contact and leave the outermost key out."""
    (key,) = document
    complete = key == "contacts" or (key == "appointments" and not document[key].keys() & {"some", "none", "atLeast"})
    return document if complete else {"contacts": document}


FOUND = [(found, each) for each in ENTRIES for found in EXAMPLE.finditer(each.body)]
EXAMPLES = [Example(_whole(json.loads(found["line"] or found["block"])), found["says"], each) for found, each in FOUND]
DIAGNOSED = [example for example in EXAMPLES if DIAGNOSTIC.fullmatch(example.says)]
READ = [example for example in EXAMPLES if example not in DIAGNOSED]
