"""What an import need not ask a library about comes to the same as if it had."""

from typing import Any

import phonenumbers
import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneNumberFormat

from resolvers.records.drafts import Checked
from resolvers.values.emails import is_ordinary_address
from resolvers.values.phones import e164

# ---------------------------------------------------------------- e-mail addresses

LABELS = st.text("abcXYZ019-", min_size=1, max_size=6) | st.sampled_from(["xn--4dbc", "test", "a" * 63, "a" * 64, "1", "com", "de"])
DOMAINS = (
    st.lists(LABELS, min_size=1, max_size=4).map(".".join)
    | st.builds("{}.{}".format, LABELS, st.sampled_from(sorted(SPECIAL_USE_DOMAIN_NAMES)))
    | st.sampled_from(["example.com", "mail.example.org", "GMAIL.com"])
)
LOCALS = st.text("abzAZ09.!#$%&'*+/=?^_`{|}~-\" ()<>[]\\,;:@\n", min_size=1, max_size=8) | st.text("abc.", min_size=1, max_size=70)
ADDRESSES = st.builds("{}@{}".format, LOCALS, DOMAINS) | st.text(max_size=12)


@settings(max_examples=600)
@given(ADDRESSES)
def test_no_address_is_called_ordinary_that_the_library_refuses(address: str) -> None:
    if is_ordinary_address(address):
        validate_email(address, check_deliverability=False, test_environment=True)


@pytest.mark.parametrize("address", ["ann@example.com", "ann.b+c@mail.example.co.uk", "O'Neil_1@Example.ORG"])
def test_what_nearly_everybody_has_is_ordinary(address: str) -> None:
    assert is_ordinary_address(address)


# ---------------------------------------------------------------- telephone numbers

CODES = st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)) | st.integers(0, 9999)
NATIONAL = st.text("0123456789 ().-", min_size=2, max_size=16) | st.integers(10**5, 10**12).map(str)
PHONES = st.builds("+{}{}{}".format, CODES, st.sampled_from(["", " ", "-", " (0)", "0"]), NATIONAL)


@settings(max_examples=600)
@given(PHONES | st.text("+0123456789 x", max_size=12), st.sampled_from([None, "Germany", "Italy", "Mexico"]))
def test_a_number_is_read_as_the_library_reads_it(phone: str, country: str | None) -> None:
    region = {"Germany": "DE", "Italy": "IT", "Mexico": "MX"}.get(country or "")
    try:
        number = phonenumbers.parse(phone, region)
    except NumberParseException:
        assert e164(phone, country) is None
        return
    possible = phonenumbers.is_possible_number(number)
    assert e164(phone, country) == (phonenumbers.format_number(number, PhoneNumberFormat.E164) if possible else None)


# ---------------------------------------------------------------- values that come again

VALUES = st.text(max_size=12) | st.integers() | st.booleans() | st.none() | st.floats() | st.lists(st.text(max_size=3), max_size=2)
LIKELY = st.sampled_from(["7", 7, "7.0", 7.0, True, 1, "1", " Ann ", "ann", "2024-02-29", "2023-02-29", "2024-02-29T08:30:00Z", "x\0"])


@settings(max_examples=300)
@given(st.sampled_from(["first_name", "country", "score", "spent", "birthday", "last_activity_at", "email"]), st.lists(VALUES | LIKELY))
def test_what_a_value_becomes_does_not_depend_on_what_came_before(name: str, values: list[Any]) -> None:
    alone = [checked(name, value) for value in values]
    assert [checked(name, value) for value in reversed(values)] == alone[::-1]


def checked(name: str, value: Any) -> tuple[Any, ...]:
    found = Checked.of({name: value}, "input")
    return dict(found.cells), [type(cell) for cell in found.cells.values()], list(found.problems)
