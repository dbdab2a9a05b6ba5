"""Opaque global ids, by which clients refer to rows."""

import base64
import binascii

from models.errors import BadInput

LARGEST_ID = 2**63 - 1


def to_global_id(kind: str, number: int) -> str:
    """The id of row `number` of the GraphQL type `kind`."""
    return base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


def from_global_id(text: str) -> tuple[str, int]:
    """The type and number in a global id. Raises `BadInput` for a text that is no id of this API."""
    try:
        kind, _, digits = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(":")
    except (binascii.Error, UnicodeError, ValueError):
        raise _unknown(text) from None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(LARGEST_ID)) and int(digits) <= LARGEST_ID):
        raise _unknown(text)
    return kind, int(digits)


def number_of(text: str, kind: str) -> int | None:
    """The row number in a global id of this type, or None if the text is an id of another type or no id."""
    try:
        found, number = from_global_id(text)
    except BadInput:
        return None
    return number if found == kind else None


def _unknown(text: str) -> BadInput:
    return BadInput(f"{text[:80]!r} is not an id of this API. Use ids exactly as it returned them.")
