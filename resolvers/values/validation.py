"""Checks of single values. Each returns the value in the form that is stored, or refuses it with what to change."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from models.errors import Problem, ProblemCode, Refused, refuse
from models.fields import DECIMAL_LIMIT, DECIMAL_PLACES
from models.text import storable
from resolvers.values.emails import is_ordinary_address

T = TypeVar("T")
Check = Callable[[Any], Any]

LONGEST_TEXT = 255
LONGEST_EMAIL = 320
LONGEST_URL = 2000
INTEGER_LIMIT = 2**31

_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([Ee][+-]?\d{1,3})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Problems(list[Problem]):
    """The problems found so far in one input, so that a client sees all of them at once."""

    def attempt(self, check: Callable[[Any], T], value: Any, *path: str) -> T | None:
        """Return the checked value, or note the problems under the path and return None."""
        try:
            return check(value)
        except Refused as refused:
            self.extend(problem.under(*path) for problem in refused.problems)
            return None

    def note(self, code: ProblemCode, message: str, *path: str) -> None:
        """Note one problem."""
        self.append(Problem(code, message, path))

    def raise_any(self) -> None:
        """Raise `Refused` if there is any problem."""
        if self:
            raise Refused(self)


@lru_cache(maxsize=256)
def camel(name: str) -> str:
    """Return a field's name as clients write it."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def invalid(message: str) -> Refused:
    """Return the refusal of a value of the wrong form."""
    return refuse(ProblemCode.INVALID, message)


def text(value: Any, longest: int = LONGEST_TEXT) -> str | None:
    """Check text. Blank text is a missing value."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid("Expected text.")
    if not storable(value):
        raise invalid("The text holds a character that cannot be stored (NUL, or half of a surrogate pair). Remove it.")
    if len(value) > longest:
        raise refuse(ProblemCode.TOO_LONG, f"The text has {len(value):,} characters. At most {longest:,} are possible.")
    return value if value.strip() else None


def required_text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Check text that must not be blank."""
    found = text(value, longest)
    if found is None:
        raise refuse(ProblemCode.BLANK, "This must not be blank.")
    return found


def email(value: Any) -> str | None:
    """Check an e-mail address, and trim it."""
    address = text(value, LONGEST_EMAIL)
    if address is None:
        return None
    address = address.strip()
    if not is_ordinary_address(address):
        try:
            # The domain is not looked up, because whether it answers today says nothing about the address.
            validate_email(address, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise invalid(f"This is not an e-mail address: {error}") from error
    return address


def url(value: Any) -> str | None:
    """Check a web address, and trim it."""
    address = text(value, LONGEST_URL)
    if address is None:
        return None
    try:
        parts = urlsplit(address.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", address.strip())
    except ValueError:
        good = False
    if not good:
        raise invalid("This is not a web address. Write it in full, such as https://example.com/page.")
    return address.strip()


def time_zone(value: Any) -> str | None:
    """Check the IANA name of a time zone, and trim it."""
    name = text(value)
    if name is not None and name.strip() not in _zones():
        raise invalid("There is no such time zone. Use an IANA name such as Europe/Berlin.")
    return name and name.strip()


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _given(value: Any) -> Any:
    """Trim a value that is text. Blank text is None."""
    return value.strip() or None if isinstance(value, str) else value


def integer(value: Any) -> int | None:
    """Check a whole number of 32 bits, given as a number or as its digits."""
    given = _given(value)
    if given is None:
        return None
    if isinstance(given, str) and _INTEGER.fullmatch(given):
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not -INTEGER_LIMIT <= given < INTEGER_LIMIT:
        raise invalid(f"Expected a whole number between {-INTEGER_LIMIT:,} and {INTEGER_LIMIT - 1:,}.")
    return given


def decimal(value: Any) -> Decimal | None:
    """Check an exact number of at most four decimal places, given as a number or as its digits. It is never rounded."""
    given = _given(value)
    if given is None:
        return None
    sign, digits, exponent = _read_decimal(given).as_tuple()
    if not isinstance(exponent, int):
        raise invalid("Expected a finite number.")
    # Computed from the digits, because arithmetic would round long numbers and overflow for large ones.
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    exact = Decimal((sign, digits[: len(digits) - zeros], exponent + zeros))
    if exact and -(exponent + zeros) > DECIMAL_PLACES:
        raise invalid(f"The number has more than {DECIMAL_PLACES} decimal places. Round it as you mean it.")
    if exact.copy_abs() >= DECIMAL_LIMIT:
        raise invalid(f"The number is too large. It must lie below {DECIMAL_LIMIT:,f} in size.")
    return exact or Decimal(0)


def _read_decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, float, str)):
        raise invalid("Expected a number.")
    if isinstance(value, (Decimal, int)):
        return Decimal(value)
    written = str(value)  # the shortest text that reads as the same float
    if not _NUMBER.fullmatch(written):
        raise invalid("Expected a number such as 1250 or 12.50.")
    return Decimal(written)


def day(value: Any) -> date | None:
    """Check a calendar day, given as a date or as YYYY-MM-DD."""
    given = _given(value)
    if given is None or (isinstance(given, date) and not isinstance(given, datetime)):
        return given
    try:
        return date.fromisoformat(given if _DAY.fullmatch(given) else "")
    except (TypeError, ValueError):
        raise invalid("Expected a day as YYYY-MM-DD, such as 2024-02-29.") from None


def instant(value: Any) -> datetime | None:
    """Check an instant, given as an aware datetime or in RFC 3339 with an offset, and return it in UTC."""
    given = _given(value)
    if given is None:
        return None
    try:
        found = given if isinstance(given, datetime) else datetime.fromisoformat(given.upper() if _INSTANT.fullmatch(given) else "")
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise invalid("Expected an instant with its offset and at most microseconds, such as 2024-02-29T08:30:00+01:00.") from None
