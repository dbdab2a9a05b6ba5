"""The file layout that exports and imports share, so that an exported file can be imported again without changing anything.

Besides the fields, a file has each contact's `id` and the mark of the account in which that id is valid. Custom fields have
column names of their own. In a cell with several entries, an entry that contains a separator is quoted. Text that a
spreadsheet would run as a formula is escaped.
"""

import re
from collections.abc import Iterable

ID = "id"
MARK = "musterAccount"
TAGS = "tags"
OWNER = "ownerEmail"
CUSTOM = "customFields"

_ENTRY = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:[;|]|$)|([^;|]*)(?:[;|]|$)')
_FORMULA = re.compile("['=+@\t\r\n\uff1d\uff0b\uff0d\uff20-]")  # with the full-width forms, which some spreadsheets run too
_TELEPHONE = re.compile(r"[+-]?[\d ().-]*", re.ASCII)  # as a formula, its result would be the number itself
_ESCAPE = "'"


def custom_column(key: str) -> str:
    """Return the name of a custom field's column."""
    return f"{CUSTOM}.{key}"


def joined(entries: Iterable[str]) -> str:
    """Write several entries into one cell."""
    return "; ".join(f'"{entry.replace(chr(34), chr(34) * 2)}"' if _must_be_quoted(entry) else entry for entry in entries)


def _must_be_quoted(entry: str) -> bool:
    """Whether the entry contains a separator or would be a formula, which it is not inside quotation marks."""
    return entry.startswith('"') or ";" in entry or "|" in entry or _FORMULA.match(entry) is not None


def split_entries(cell: str) -> list[str]:
    """Split a cell into its entries, which are separated by semicolons or vertical bars."""
    found = ((match[1].replace('""', '"') if match[1] is not None else match[2]).strip() for match in _ENTRY.finditer(cell))
    return [entry for entry in found if entry]


def escaped(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    if text.startswith(_ESCAPE) or (_FORMULA.match(text) and not _TELEPHONE.fullmatch(text)):
        return _ESCAPE + text
    return text


def unescaped(cell: str) -> str:
    """Undo `escaped`."""
    return cell.removeprefix(_ESCAPE)
