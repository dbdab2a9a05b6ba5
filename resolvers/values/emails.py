"""A fast check that recognises most e-mail addresses, so that large imports rarely need the full validation."""

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
    """Whether this is certainly an e-mail address: ASCII, unquoted, in a domain that is neither reserved nor encoded.

    False says nothing about an address. True is never said of one that email-validator refuses.
    """
    local, _, domain = address.rpartition("@")
    return len(address) <= LONGEST_ADDRESS and _LOCAL.fullmatch(local) is not None and _is_ordinary_domain(domain)


@lru_cache(maxsize=2048)
def _is_ordinary_domain(domain: str) -> bool:
    return _DOMAIN.fullmatch(domain) is not None and "--" not in domain and not f".{domain}".lower().endswith(_RESERVED)
