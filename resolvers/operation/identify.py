"""Reading the global ids that clients send."""

from models.errors import NotFound
from models.ids import from_global_id


def id_of(text: str, kind: str, name: str) -> int:
    """The row number in an id of this type; `NotFound` for another type's, `BadInput` for what is no id at all."""
    found, number = from_global_id(text)
    if found != kind:
        raise unknown(name)
    return number


def id_or_none(text: str, kind: str) -> int | None:
    """The row number in an id of this type, None in another type's; `BadInput` for what is no id at all."""
    found, number = from_global_id(text)
    return number if found == kind else None


def unknown(name: str) -> NotFound:
    """The error for an id that names nothing in the caller's account."""
    return NotFound(f"There is no such {name}. It may have been deleted, or the id may belong to another account.")
