"""The GraphQL schema: every field declares its type and delegates to a resolver in one statement."""

from collections.abc import Iterable, Mapping

from graphql import GraphQLArgument, GraphQLInputObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from schema.descriptions import describe, described
from schema.documents import DocumentCheck
from schema.errors import MusterSchema
from schema.graphql_core_adapter import drop_null_default, mark_one_of
from schema.limits import DocumentLimits
from schema.mutation import Mutation
from schema.naming import Naming
from schema.people import Account
from schema.query import Query
from schema.record_types import list_record_types
from schema.resolving import resolve_large_inputs
from schema.scalars import SCALARS
from schema.strawberry_adapter import graphql_schema, is_one_of
from schema.subscription import Subscription


def build_schema(record_types: Iterable[str], added_fields: Mapping[type, type], limits: DocumentLimits | None = None) -> MusterSchema:
    """The schema, described in full, for records of these types, that accepts documents within these limits.

    `added_fields` are classes whose fields are added to a class of this schema.
    """
    schema = MusterSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Account],  # reached through interfaces only
        config=StrawberryConfig(scalar_map=SCALARS, name_converter=Naming()),
        extensions=[DocumentCheck(limits or DocumentLimits(), shows_cost=True)],
        added_fields=added_fields,
    )
    built = graphql_schema(schema)
    list_record_types(built, record_types)
    describe(built)
    _drop_null_defaults(built)
    _mark_one_of(built)
    resolve_large_inputs(schema)
    return schema


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    # Python needs a default for what may be left out, but `= null` says nothing to clients.
    for _, _, element in described(schema):
        if isinstance(element, GraphQLArgument):
            drop_null_default(element)


def _mark_one_of(schema: GraphQLSchema) -> None:
    # Strawberry checks these inputs itself, but cannot say where in a variable the wrong one is. graphql-core can.
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLInputObjectType) and is_one_of(type_):
            mark_one_of(type_)
