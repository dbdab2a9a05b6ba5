"""The law of search terms: they lead to a contact from every beginning of whatever it is found by, and none of them is idle."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from resolvers.reading.search import terms_of

WORDS = st.sampled_from(["ann", "anna", "ann-marie", "o'neil", "7up", "7", "__", "straße", "é", "an n"])
NAMES = st.none() | st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
EMAILS = st.none() | st.builds(
    "{}@{}".format, st.sampled_from(["ann", "ann.marie", "7up+x", "_"]), st.sampled_from(["ann.com", "mail.a.org"])
)
PHONES = st.none() | st.text("0123456789 ()-+", min_size=1, max_size=24)
CONTACTS = st.fixed_dictionaries(
    {
        "first_name_folded": NAMES,
        "last_name_folded": NAMES,
        "company_folded": NAMES,
        "email_folded": EMAILS,
        "phone": PHONES,
        "phone_e164": st.sampled_from([None, "+4930123456", "+12025550123", "+35312345678"]),
    }
)
CODES = {"+4930123456": "49", "+12025550123": "1", "+35312345678": "353"}


def found_by(contact: dict[str, Any]) -> set[str]:
    """Everything whose beginnings find the contact."""
    names = " ".join(contact[f"{name}_folded"] or "" for name in ("first_name", "last_name", "company")).split()
    local, _, domain = (contact["email_folded"] or "@").partition("@")
    groups = re.findall("[0-9]+", contact["phone"] or "")
    international = contact["phone_e164"] or "+"
    return {
        *names,
        *(part for word in (*names, local) for part in re.split(r"[\W_]+", word)),
        contact["email_folded"] or "",
        local,
        domain,
        *domain.split("."),
        *("".join(groups[start:]) for start in range(min(len(groups), 8))),
        international[1:],
        international[1:].removeprefix(CODES.get(international, "")),
    } - {""}


@given(CONTACTS)
def test_terms_are_what_a_contact_is_found_by_without_those_with_which_others_begin(contact: dict[str, Any]) -> None:
    wanted, terms = found_by(contact), terms_of(contact)
    assert terms <= wanted
    assert all(any(term.startswith(each) for term in terms) for each in wanted)
    assert not any(other != term and other.startswith(term) for term in terms for other in terms)
