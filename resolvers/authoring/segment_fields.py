"""The fields that conditions can be about, with their operators, as a form for criteria needs them."""

from collections.abc import Sequence
from dataclasses import dataclass

from models import AppointmentStatus, CustomField, FieldType
from resolvers.criteria.language.fields import CUSTOM_KINDS, Family, RecordField
from resolvers.criteria.language.operators import OPERATORS
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.language.tree import Column, Custom, Groups, Source, Tags
from resolvers.operation.context import Context
from resolvers.records.fields import custom_fields


@dataclass(frozen=True, slots=True)
class SegmentField:
    """A field with its key in criteria. `source` is where its values are stored, if it has values."""

    key: str
    label: str
    type: FieldType
    operators: Sequence[str]
    source: Source | None = None
    choices: Sequence[str] | None = None
    is_custom: bool = False


OF_CONTACTS = (
    SegmentField("tags", "Tags", FieldType.TAGS, tuple(OPERATORS[Family.TAGS]), Tags()),
    SegmentField("taggedAt", "Tagged", FieldType.DATE_TIME, tuple(OPERATORS[Family.DATE_TIME])),
    SegmentField("group", "Groups", FieldType.GROUP, tuple(OPERATORS[Family.GROUPS]), Groups()),
)
THEIR_CONTACT = SegmentField("contact", "Contact", FieldType.RELATION, ())


async def segment_fields(context: Context, record_type: str) -> list[SegmentField]:
    """The fields of the record type with this name. Custom fields come last, by label."""
    found = context.services.record_types.named(record_type)
    columns = [_of_column(found, field) for field in found.fields.values()]
    if found is not CONTACT:
        return [*columns, THEIR_CONTACT]
    relations = map(_of_relation, context.services.record_types.owned)
    return [*columns, *OF_CONTACTS, *relations, *map(of_custom, await custom_fields(context))]


def _of_relation(owned: RecordType) -> SegmentField:
    return SegmentField(owned.key, owned.key.capitalize(), FieldType.RELATION, ("some", "none", "atLeast"))


def _of_column(record_type: RecordType, field: RecordField) -> SegmentField:
    return SegmentField(
        key=field.key,
        label=field.label,
        type=field.type,
        operators=tuple(OPERATORS[field.family]),
        source=Column(record_type, field),
        choices=[status.value for status in AppointmentStatus] if field.family is Family.STATUS else None,
    )


def of_custom(field: CustomField) -> SegmentField:
    """A custom field as a field of criteria."""
    kind = CUSTOM_KINDS[field.type]
    return SegmentField(
        key=field.key,
        label=field.label,
        type=field.type,
        operators=tuple(OPERATORS[kind.family]),
        source=Custom(field.id, kind.column, field.key),
        choices=field.choices,
        is_custom=True,
    )
