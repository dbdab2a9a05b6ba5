"""Read the global ids that clients send."""

from models.errors import NotFound
from models.ids import from_global_id


def id_of(text: str, kind: str, name: str) -> int:
    """Return the row number in an id of this type. Raises `NotFound` for another type, `BadInput` for a malformed id."""
    found, number = from_global_id(text)
    if found != kind:
        raise unknown(name)
    return number


def id_or_none(text: str, kind: str) -> int | None:
    """Return the row number in an id of this type, or None for another type. Raises `BadInput` for a malformed id."""
    found, number = from_global_id(text)
    return number if found == kind else None


def unknown(name: str) -> NotFound:
    """Return the error for an id that names nothing in the caller's account."""
    return NotFound(f"There is no such {name}. It may have been deleted, or the id may belong to another account.")
