"""The fields that criteria can name, in one table: key, column, label, family of operators and type, for each record type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models import FieldType, RecordType


class Family(StrEnum):
    """The sets of operators; every field takes exactly one of them."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE_NUMBER = "wholeNumber"
    DATE = "date"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    REFERENCE = "reference"
    STATUS = "status"
    TAGS = "tags"
    GROUPS = "groups"


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field that a column stores; `verb` says it where "<label> is" would be poor English ("starts", "was created").

    A `required` field is never missing.
    """

    key: str
    column: str
    label: str
    family: Family
    type: FieldType
    verb: tuple[str, str] | None = None
    required: bool = False


def _text(key: str, column: str, kind: FieldType = FieldType.TEXT) -> RecordField:
    return RecordField(key, f"{column}_folded", column.replace("_", " ").capitalize(), Family.TEXT, kind)


def _instant(key: str, column: str, label: str, verb: tuple[str, str] | None = None) -> RecordField:
    return RecordField(key, column, label, Family.DATE_TIME, FieldType.DATE_TIME, verb)


def _by_key(*fields: RecordField) -> Mapping[str, RecordField]:
    return {field.key: field for field in fields}


_CREATED = replace(_instant("createdAt", "created_at", "Created", ("was created", "was not created")), required=True)
_UPDATED = replace(_instant("updatedAt", "updated_at", "Updated", ("was updated", "was not updated")), required=True)

FIELDS: Mapping[RecordType, Mapping[str, RecordField]] = {
    RecordType.CONTACT: _by_key(
        _text("email", "email", FieldType.EMAIL),
        _text("firstName", "first_name"),
        _text("lastName", "last_name"),
        _text("phone", "phone", FieldType.PHONE),
        _text("company", "company"),
        _text("jobTitle", "job_title"),
        _text("address", "address", FieldType.LONG_TEXT),
        _text("city", "city"),
        _text("state", "state", FieldType.STATE),
        _text("country", "country", FieldType.COUNTRY),
        _text("postalCode", "postal_code"),
        RecordField("timezone", "timezone_folded", "Time zone", Family.TEXT, FieldType.TIMEZONE),
        _text("website", "website", FieldType.URL),
        _text("source", "source"),
        _text("status", "status"),
        RecordField("score", "score", "Score", Family.WHOLE_NUMBER, FieldType.NUMBER),
        RecordField("spent", "spent", "Amount spent", Family.NUMBER, FieldType.PRICE),
        RecordField("birthday", "birthday", "Birthday", Family.DATE, FieldType.DATE),
        _instant("lastActivityAt", "last_activity_at", "Last activity"),
        _CREATED,
        _UPDATED,
        RecordField("owner", "owner_id", "Owner", Family.REFERENCE, FieldType.REFERENCE),
    ),
    RecordType.APPOINTMENT: _by_key(
        replace(_text("title", "title"), required=True),
        _text("location", "location"),
        RecordField("status", "status", "Status", Family.STATUS, FieldType.DROPDOWN, required=True),
        replace(_instant("startsAt", "starts_at", "Starts", ("starts", "does not start")), required=True),
        _instant("endsAt", "ends_at", "Ends", ("ends", "does not end")),
        _CREATED,
        _UPDATED,
    ),
}

TABLES: Mapping[RecordType, str] = {RecordType.CONTACT: "contacts", RecordType.APPOINTMENT: "appointments"}


@dataclass(frozen=True, slots=True)
class CustomKind:
    """How custom fields of one type are compared: the family, and the column of `custom_values` that holds them."""

    family: Family
    column: str


def _kinds(kind: CustomKind, types: Iterable[FieldType]) -> dict[FieldType, CustomKind]:
    return dict.fromkeys(types, kind)


_TEXTS = (FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.COUNTRY, FieldType.STATE, FieldType.TIMEZONE)

CUSTOM_KINDS: Mapping[FieldType, CustomKind] = {
    **_kinds(CustomKind(Family.TEXT, "folded"), _TEXTS),
    **_kinds(CustomKind(Family.TEXT, "long_folded"), (FieldType.LONG_TEXT, FieldType.URL)),
    **_kinds(CustomKind(Family.NUMBER, "number"), (FieldType.NUMBER, FieldType.PRICE)),
    **_kinds(CustomKind(Family.CHOICE, "folded"), (FieldType.DROPDOWN, FieldType.LIST)),
    FieldType.DATE: CustomKind(Family.DATE, "day"),
    FieldType.DATE_TIME: CustomKind(Family.DATE_TIME, "instant"),
    FieldType.CHECKBOX: CustomKind(Family.BOOLEAN, "boolean"),
}

CUSTOM_FAMILIES: Mapping[str, Family] = {kind.family.value: kind.family for kind in CUSTOM_KINDS.values()}
