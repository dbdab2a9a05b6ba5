"""The fields that a column may stand for: those of every contact by their usual names, and the account's custom fields."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.files.exchange import OWNER, custom_column
from models import CustomField, FieldType
from models.records import CONTACT_TEXTS
from models.text import fold
from resolvers.records.drafts import VALUE_CHECKS
from resolvers.values.validation import camel

STANDARD = (*CONTACT_TEXTS, *VALUE_CHECKS)
OWNER_KEY = "owner_id"

ALIASES: Mapping[str, tuple[str, ...]] = {
    "email": ("email address", "mail", "e-mail 1", "primary email"),
    "first_name": ("given name", "forename", "first"),
    "last_name": ("surname", "family name", "last"),
    "phone": ("phone number", "telephone", "tel", "mobile", "mobile phone", "cell", "cell phone"),
    "company": ("organisation", "organization", "company name", "organization name", "employer"),
    "job_title": ("title", "position"),
    "address": ("street", "street address", "address line 1", "address 1"),
    "city": ("town", "locality"),
    "state": ("region", "province", "county", "state/region", "state/province"),
    "country": ("nation", "country/region"),
    "postal_code": ("zip", "zip code", "zip/postal code", "postcode"),
    "timezone": ("tz",),
    "website": ("url", "web", "web page", "homepage", "website url"),
    "source": ("lead source",),
    "status": ("lead status", "contact status"),
    "score": ("lead score", "rating"),
    "spent": ("total spent", "amount spent"),
    "birthday": ("birth date", "date of birth", "dob", "born"),
    "last_activity_at": ("last activity", "last activity date", "last seen"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a contact as an import speaks of it."""

    name: str
    key: str
    type: FieldType | None = None

    @property
    def is_custom(self) -> bool:
        """Whether the account has added the field."""
        return self.type is not None


@dataclass(frozen=True, slots=True)
class Names:
    """What fields go by: names that exports write, and in plain form their own names and others that mean the same to most people."""

    exact: Mapping[str, Field]
    own: Mapping[str, Field]
    others: Mapping[str, Field]

    def meaning(self, name: str) -> Field | None:
        """The field that a name stands for."""
        return self.exact.get(name.strip()) or self.own.get(plain(name)) or self.others.get(plain(name))

    def listed(self) -> str:
        """Every field, to choose from."""
        return ", ".join(dict.fromkeys(field.name for field in self.own.values()))


def plain(name: str) -> str:
    """A name without what people write differently: case, spaces and punctuation."""
    return "".join(character for character in fold(name) if character.isalnum()) or fold(name)


def names_of(custom: Sequence[CustomField]) -> Names:
    """The names of every contact's fields, then the keys and the labels of an account's custom fields."""
    standard = {name: Field(camel(name), name) for name in STANDARD} | {OWNER_KEY: Field(OWNER, OWNER_KEY)}
    exact = {field.name: field for field in standard.values()}
    own = {plain(field.name): field for field in standard.values()}
    for name in ("key", "label"):
        for found in custom:
            field = exact.setdefault(custom_column(found.key), Field(found.key, found.key, found.type))
            own.setdefault(plain(getattr(found, name)), field)
    return Names(exact, own, {plain(alias): standard[name] for name, aliases in ALIASES.items() for alias in aliases})


def key_for(label: str, taken: Iterable[str]) -> str:
    """A key for a new custom field with this label that no other field has."""
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    head, *rest = re.findall(r"[A-Za-z0-9]+", ascii_only) or ["field"]
    joined = head.lower() + "".join(word.capitalize() for word in rest)
    key = (joined if joined[0].isalpha() else f"field{joined}")[:60]
    known = set(taken)
    return next(name for name in (key, *(f"{key}{number}" for number in range(2, 1000))) if name not in known)
