"""Which operators a field offers: those of the condition that its type takes."""

from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from models import FieldType
from schema.criteria import (
    AppointmentRelation,
    BooleanCondition,
    ChoiceCondition,
    DateCondition,
    DateTimeCondition,
    GroupCondition,
    NumberCondition,
    ReferenceCondition,
    TagCondition,
    TextCondition,
)

CONDITIONS: dict[FieldType, type] = {
    FieldType.NUMBER: NumberCondition,
    FieldType.PRICE: NumberCondition,
    FieldType.DATE: DateCondition,
    FieldType.DATE_TIME: DateTimeCondition,
    FieldType.CHECKBOX: BooleanCondition,
    FieldType.DROPDOWN: ChoiceCondition,
    FieldType.LIST: ChoiceCondition,
    FieldType.TAGS: TagCondition,
    FieldType.GROUP: GroupCondition,
    FieldType.REFERENCE: ReferenceCondition,
    FieldType.RELATION: AppointmentRelation,
}


def operators_of(field_type: FieldType) -> list[str]:
    """The operators of a field of this type, by the names they have in criteria; every type not listed above holds a text."""
    definition = get_object_definition(CONDITIONS.get(field_type, TextCondition), strict=True)
    return [field.graphql_name or to_camel_case(field.python_name) for field in definition.fields]
