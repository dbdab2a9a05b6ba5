"""The fields that criteria can name: how columns of records, and custom fields by their types, are compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models import FieldType


class Family(StrEnum):
    """The families of operators. Every field takes exactly one of them."""

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
    """A field of a record type that is stored in a column.

    `verb` is used in sentences where "<label> is" would be poor English ("starts", "was created"). A `required` field is
    never missing. Its column has an index that begins with the account, unless `indexed` is false.
    """

    key: str
    column: str
    label: str
    family: Family
    type: FieldType
    verb: tuple[str, str] | None = None
    required: bool = False
    indexed: bool = True


def text_field(key: str, column: str, kind: FieldType = FieldType.TEXT) -> RecordField:
    """A text, which is compared folded: `column` is the one that holds it as it was given."""
    return RecordField(key, f"{column}_folded", column.replace("_", " ").capitalize(), Family.TEXT, kind)


def instant_field(key: str, column: str, label: str, verb: tuple[str, str] | None = None) -> RecordField:
    """An instant."""
    return RecordField(key, column, label, Family.DATE_TIME, FieldType.DATE_TIME, verb)


def by_key(*fields: RecordField) -> Mapping[str, RecordField]:
    """The fields by the keys that they have in criteria."""
    return {field.key: field for field in fields}


CREATED = replace(instant_field("createdAt", "created_at", "Created", ("was created", "was not created")), required=True)
UPDATED = replace(instant_field("updatedAt", "updated_at", "Updated", ("was updated", "was not updated")), required=True)


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
