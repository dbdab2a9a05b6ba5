"""Folded text: the form in which Muster compares, searches and orders text, on both engines and in memory."""

import re
import unicodedata

LAST_CODE_POINT = 0x10FFFF
FIRST_SURROGATE = 0xD800
LAST_SURROGATE = 0xDFFF

_SURROGATE = re.compile(f"[{chr(FIRST_SURROGATE)}-{chr(LAST_SURROGATE)}]")


def fold(text: str) -> str:
    """Text in the form that is compared: trimmed of Unicode white space, NFC-normalised, then case-folded (Unicode 3.13, toCasefold)."""
    if text.isascii():  # most of it is, and then there is nothing to compose, and folding is lowering
        return text.strip().lower()
    return unicodedata.normalize("NFC", text.strip()).casefold()


def fold_or_none(text: str | None) -> str | None:
    """The folded form, or None where the text is missing or blank: an empty string is a missing value."""
    return fold(text) or None if text is not None else None


def prefix_end(prefix: str) -> str | None:
    """The least string above every string that begins with `prefix` in code point order, or None if there is none."""
    for length in range(len(prefix), 0, -1):
        following = ord(prefix[length - 1]) + 1
        if following == FIRST_SURROGATE:
            following = LAST_SURROGATE + 1
        if following <= LAST_CODE_POINT:
            return prefix[: length - 1] + chr(following)
    return None


def storable(text: str) -> bool:
    """Whether every engine can store this text: no NUL and no lone surrogate."""
    return "\x00" not in text and (text.isascii() or not _SURROGATE.search(text))
