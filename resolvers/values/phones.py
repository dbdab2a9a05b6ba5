"""Telephone numbers: their international form, and the digits by which they are searched."""

import re
from functools import lru_cache
from importlib.resources import files

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat, region_code_for_country_code

from models.text import fold

CODE_LENGTHS = (1, 2, 3)  # of countries' calling codes, none of which begins with another
MOST_RUNS = 8  # no number is written in more groups of digits
ALSO_CALLED = {
    "america": "US",
    "britain": "GB",
    "czechia": "CZ",
    "great britain": "GB",
    "holland": "NL",
    "korea": "KR",
    "south korea": "KR",
    "the netherlands": "NL",
    "türkiye": "TR",
    "uk": "GB",
    "united kingdom": "GB",
    "united states of america": "US",
    "usa": "US",
}

_DIGITS = re.compile(r"\d+", re.ASCII)
_INTERNATIONAL = re.compile(r"\+[1-9][0-9 ().-]*", re.ASCII)
_PUNCTUATION = str.maketrans("", "", "+ ().-")


@lru_cache(maxsize=1)
def _regions() -> dict[str, str]:
    """Return two-letter codes of countries by folded name and code."""
    table = files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
    named = {fold(name): code for code, name in lines} | {code.lower(): code for code, _ in lines}
    return named | ALSO_CALLED


def e164(phone: str | None, country: str | None) -> str | None:
    """Return the number in E.164, read as dialled in the contact's country if that is known. None if it cannot be read."""
    if phone is None:
        return None
    if ordinary := _international(phone):
        return ordinary
    try:
        number = phonenumbers.parse(phone, _regions().get(fold(country or "")))
    except NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_possible_number(number) else None


def _international(phone: str) -> str | None:
    """Convert a number that is written with its calling code to E.164, if its length alone decides.

    The library gives the same result in fifteen times as long.
    """
    if not _INTERNATIONAL.fullmatch(phone):
        return None
    digits = phone.translate(_PUNCTUATION)
    for length in CODE_LENGTHS:
        if plan := _numbering_plan(digits[:length]):
            national, lengths, prefix = digits[length:], *plan
            return f"+{digits}" if len(national) in lengths and national[0] != "0" and not prefix.match(national) else None
    return None


@lru_cache(maxsize=2048)
def _numbering_plan(code: str) -> tuple[frozenset[int], re.Pattern[str]] | None:
    """Return the possible lengths of national numbers under a calling code, and the prefixes dialled within the country."""
    metadata = PhoneMetadata.metadata_for_region(region_code_for_country_code(int(code)), None)
    if metadata is None or metadata.general_desc is None:
        return None
    return frozenset(metadata.general_desc.possible_length), re.compile(metadata.national_prefix_for_parsing or "(?!)")


def digits_of(phone: str | None, international: str | None) -> set[str]:
    """Return the digits that find a number: international, national, and as written from each group on."""
    found: set[str] = set()
    if phone is not None:
        runs = _DIGITS.findall(phone)
        digits = "".join(runs)
        for run in runs[:MOST_RUNS]:
            found.add(digits)
            digits = digits[len(run) :]
    if international is not None:
        digits = international.removeprefix("+")
        found |= {digits, *(digits[length:] for length in _code_lengths(digits[: max(CODE_LENGTHS)]))}
    return found


@lru_cache(maxsize=1000)
def _code_lengths(beginning: str) -> tuple[int, ...]:
    """Return how long the calling code that begins these digits can be."""
    return tuple(length for length in CODE_LENGTHS if int(beginning[:length]) in COUNTRY_CODE_TO_REGION_CODE)
