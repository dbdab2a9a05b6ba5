"""What exports and imports agree on, so that a file that was exported can be imported again and nothing changes.

Beside the fields, a file has each contact's `id` and the mark of the account that it is valid in; custom fields have names
of their own; a cell of several entries quotes those that would fall apart; no text stands where a spreadsheet runs it.
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
_TELEPHONE = re.compile(r"[+-]?[\d ().-]*", re.ASCII)  # a formula at best for a number
_SHIELD = "'"


def custom_column(key: str) -> str:
    """The name of a custom field's column."""
    return f"{CUSTOM}.{key}"


def joined(entries: Iterable[str]) -> str:
    """Several entries in one cell."""
    return "; ".join(f'"{entry.replace(chr(34), chr(34) * 2)}"' if _must_be_quoted(entry) else entry for entry in entries)


def _must_be_quoted(entry: str) -> bool:
    """Whether the entry would fall apart, or be a formula: in quotation marks it is none, wherever in the cell it stands."""
    return entry.startswith('"') or ";" in entry or "|" in entry or _FORMULA.match(entry) is not None


def entries_of(cell: str) -> list[str]:
    """The entries of a cell, separated by ; or |, without white space around them."""
    found = ((match[1].replace('""', '"') if match[1] is not None else match[2]).strip() for match in _ENTRY.finditer(cell))
    return [entry for entry in found if entry]


def shielded(text: str) -> str:
    """Text as it can stand in a table: an apostrophe goes before what a spreadsheet would take for a formula."""
    if text.startswith(_SHIELD) or (_FORMULA.match(text) and not _TELEPHONE.fullmatch(text)):
        return _SHIELD + text
    return text


def unshielded(cell: str) -> str:
    """The text that was shielded."""
    return cell.removeprefix(_SHIELD)
