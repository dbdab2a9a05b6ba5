"""Recognising the e-mail addresses that nearly everybody has, so that a file of a million need not be taken apart one by one."""

import re
from functools import lru_cache

from email_validator import SPECIAL_USE_DOMAIN_NAMES

LONGEST_ADDRESS = 254  # octets, by RFC 5321

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z]{{2,63}}")
_RESERVED = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)


def is_ordinary_address(address: str) -> bool:
    """Whether this is an e-mail address for certain: of ASCII, unquoted, at a domain that is neither reserved nor encoded.

    Of any other text it says nothing; it never accepts what email-validator refuses.
    """
    local, _, domain = address.rpartition("@")
    return len(address) <= LONGEST_ADDRESS and _LOCAL.fullmatch(local) is not None and _is_ordinary_domain(domain)


@lru_cache(maxsize=2048)
def _is_ordinary_domain(domain: str) -> bool:
    return _DOMAIN.fullmatch(domain) is not None and "--" not in domain and not f".{domain}".lower().endswith(_RESERVED)
