"""How long the lists of introspection are in a schema, so that introspection is priced by what it returns."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
)

META_FIELDS: Mapping[str, GraphQLField] = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}
OF_THE_SCHEMA = "__"  # begins the names of the types of introspection
MOST_REMEMBERED = 16  # schemas: a server has one


def is_about_the_schema(type_: GraphQLNamedType) -> bool:
    """Whether a type is one of introspection."""
    return type_.name.startswith(OF_THE_SCHEMA)


@lru_cache(MOST_REMEMBERED)
def lengths_of_introspection(schema: GraphQLSchema) -> Mapping[str, int]:
    """The lengths of the lists of introspection by type and name. Lists in each element are as long as they are on average."""
    types = list(schema.type_map.values())
    with_fields = [type_ for type_ in types if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)]
    fields = [field for type_ in with_fields for field in type_.fields.values()]
    inputs = [len(type_.fields) for type_ in types if isinstance(type_, GraphQLInputObjectType)]
    values = [len(type_.values) for type_ in types if isinstance(type_, GraphQLEnumType)]
    possible = [len(schema.get_possible_types(type_)) for type_ in types if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType)]
    return {
        "__Schema.types": len(types),
        "__Schema.directives": len(schema.directives),
        "__Directive.locations": 0,  # plain values, which cost nothing beside their list
        "__Directive.args": _mean([len(directive.args) for directive in schema.directives], len(schema.directives)),
        "__Type.fields": _mean([len(type_.fields) for type_ in with_fields], len(types)),
        "__Type.interfaces": _mean([len(type_.interfaces) for type_ in with_fields], len(types)),
        "__Type.inputFields": _mean(inputs, len(types)),
        "__Type.enumValues": _mean(values, len(types)),
        "__Type.possibleTypes": _mean(possible, len(types)),
        "__Field.args": _mean([len(field.args) for field in fields], len(fields)),
    }


def _mean(lengths: Sequence[int], elements: int) -> int:
    """The average length, rounded up."""
    return -(-sum(lengths) // max(1, elements))
