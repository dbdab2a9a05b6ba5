"""The table of record types: contacts, and the records that contacts own, a row for each with all that the engine must know."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tortoise.models import Model

from models import Contact, FieldType
from models.groups import CONTACT_TYPE, LONGEST_RECORD_TYPE
from resolvers.criteria.language.fields import CREATED, UPDATED, Family, RecordField, by_key, instant_field, text_field

JOINING = ("all", "any", "not")
OF_CONTACTS = ("tags", "taggedAt", "group")  # keys of conditions that only contacts have, before those on what contacts own
RESERVED = {"tag", "custom", "group", "unguarded"}  # kinds of mention that are no record type's


@dataclass(frozen=True, slots=True, eq=False)
class RecordType:
    """A kind of record that groups are made of.

    `name` is how it is stored and how the API calls it (APPOINTMENT), `key` is its plural in criteria (appointments), and
    `noun` its singular in sentences (appointment). The GraphQL type is named like the model. `fields` are the columns that
    criteria compare. They are read into memory to evaluate records, and the clock looks up those with days and instants.
    Two rows are equal only if they are the same object.
    """

    name: str
    key: str
    noun: str
    table: str
    model: type[Model]
    fields: Mapping[str, RecordField] = field(repr=False)
    contact_column: str = "contact_id"
    """The column with the id of the contact that a record belongs to."""

    @property
    def type_name(self) -> str:
        """The GraphQL type, which global ids name too."""
        return self.model.__name__

    @property
    def columns(self) -> list[str]:
        """The columns that criteria compare."""
        return [found.column for found in self.fields.values()]

    @property
    def texts(self) -> list[str]:
        """The columns with texts as they were given. Criteria compare the folded form, which stands in a column beside each."""
        return [found.column.removesuffix("_folded") for found in self.fields.values() if found.family is Family.TEXT]


CONTACT = RecordType(
    name=CONTACT_TYPE,
    key="contacts",
    noun="contact",
    table="contacts",
    model=Contact,
    contact_column="id",
    fields=by_key(
        text_field("email", "email", FieldType.EMAIL),
        text_field("firstName", "first_name"),
        text_field("lastName", "last_name"),
        text_field("phone", "phone", FieldType.PHONE),
        text_field("company", "company"),
        text_field("jobTitle", "job_title"),
        replace(text_field("address", "address", FieldType.LONG_TEXT), indexed=False),
        text_field("city", "city"),
        text_field("state", "state", FieldType.STATE),
        text_field("country", "country", FieldType.COUNTRY),
        text_field("postalCode", "postal_code"),
        RecordField("timezone", "timezone_folded", "Time zone", Family.TEXT, FieldType.TIMEZONE),
        replace(text_field("website", "website", FieldType.URL), indexed=False),
        text_field("source", "source"),
        text_field("status", "status"),
        RecordField("score", "score", "Score", Family.WHOLE_NUMBER, FieldType.NUMBER),
        RecordField("spent", "spent", "Amount spent", Family.NUMBER, FieldType.PRICE),
        RecordField("birthday", "birthday", "Birthday", Family.DATE, FieldType.DATE),
        instant_field("lastActivityAt", "last_activity_at", "Last activity"),
        CREATED,
        UPDATED,
        RecordField("owner", "owner_id", "Owner", Family.REFERENCE, FieldType.REFERENCE),
    ),
)


class RecordTypes:
    """The table: contacts, and the types of records that contacts own in this composition of the product."""

    def __init__(self, owned: Iterable[RecordType] = ()) -> None:
        self.owned = tuple(owned)
        self.all = (CONTACT, *self.owned)
        self._by_name = {each.name: each for each in self.all}
        self.by_key: Mapping[str, RecordType] = {each.key: each for each in self.all}
        self.by_type_name: Mapping[str, RecordType] = {each.type_name: each for each in self.all}
        self._check()

    def named(self, name: str) -> RecordType:
        """The record type with a stored name."""
        return self._by_name[name]

    @cached_property
    def owned_by_key(self) -> Mapping[str, RecordType]:
        """The types of records that contacts own, by their keys in criteria about contacts."""
        return {each.key: each for each in self.owned}

    @cached_property
    def conditions(self) -> Mapping[RecordType, tuple[str, ...]]:
        """The keys that criteria about records of each type may have, in the order in which messages list them."""
        of_contacts = (*JOINING, *CONTACT.fields, *OF_CONTACTS, *self.owned_by_key, "custom")
        return {CONTACT: of_contacts, **{each: (*JOINING, *each.fields, CONTACT.noun) for each in self.owned}}

    def _check(self) -> None:
        """Raise `ValueError` where two rows could be mistaken for each other, or a name cannot be stored."""
        for names in (self._by_name, self.by_key, self.by_type_name, {each.noun for each in self.all} - RESERVED):
            if len(names) < len(self.all):
                raise ValueError(f"Two record types have a name in common, or a reserved one: {', '.join(names)}.")
        if too_long := [name for name in self._by_name if len(name) > LONGEST_RECORD_TYPE]:
            raise ValueError(f"The name of a record type has at most {LONGEST_RECORD_TYPE} letters: shorten {too_long[0]}.")
        for keys in self.conditions.values():
            if len(set(keys)) < len(keys):
                raise ValueError(f"Two conditions on records of one type have the same key: {', '.join(keys)}.")
