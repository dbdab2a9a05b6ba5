"""Finds the field that a column name stands for: a standard field under its usual names, or a custom field."""

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
    """A field that a column can be imported into."""

    name: str
    key: str
    type: FieldType | None = None

    @property
    def is_custom(self) -> bool:
        """Whether it is a custom field."""
        return self.type is not None


@dataclass(frozen=True, slots=True)
class Names:
    """The names of fields: exact names from exports, own names and common synonyms, the last two normalised by `normalised`."""

    exact: Mapping[str, Field]
    own: Mapping[str, Field]
    others: Mapping[str, Field]

    def find(self, name: str) -> Field | None:
        """Find the field with this name."""
        return self.exact.get(name.strip()) or self.own.get(normalised(name)) or self.others.get(normalised(name))

    def listed(self) -> str:
        """List the names of all fields, for an error message."""
        return ", ".join(dict.fromkeys(field.name for field in self.own.values()))


def normalised(name: str) -> str:
    """Normalise a name: no case, spaces or punctuation."""
    return "".join(character for character in fold(name) if character.isalnum()) or fold(name)


def names_of(custom: Sequence[CustomField]) -> Names:
    """Collect the names of the standard fields and of the account's custom fields, by key and by label."""
    standard = {name: Field(camel(name), name) for name in STANDARD} | {OWNER_KEY: Field(OWNER, OWNER_KEY)}
    exact = {field.name: field for field in standard.values()}
    own = {normalised(field.name): field for field in standard.values()}
    for name in ("key", "label"):
        for found in custom:
            field = exact.setdefault(custom_column(found.key), Field(found.key, found.key, found.type))
            own.setdefault(normalised(getattr(found, name)), field)
    return Names(exact, own, {normalised(alias): standard[name] for name, aliases in ALIASES.items() for alias in aliases})


def key_for(label: str, taken: Iterable[str]) -> str:
    """Derive an unused key for a new custom field from its label."""
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    head, *rest = re.findall(r"[A-Za-z0-9]+", ascii_only) or ["field"]
    joined = head.lower() + "".join(word.capitalize() for word in rest)
    key = (joined if joined[0].isalpha() else f"field{joined}")[:60]
    known = set(taken)
    return next(name for name in (key, *(f"{key}{number}" for number in range(2, 1000))) if name not in known)
