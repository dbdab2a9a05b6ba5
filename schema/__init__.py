"""What clients may ask: the GraphQL schema, in which every field declares its type and delegates in one statement."""

from graphql import GraphQLArgument, GraphQLInputObjectType, GraphQLSchema, Undefined
from strawberry.schema.config import StrawberryConfig

from schema.descriptions import describe, described
from schema.documents import DocumentCheck
from schema.errors import MusterSchema
from schema.limits import DocumentLimits
from schema.mutation import Mutation
from schema.naming import Naming
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.types import Account


def build_schema(limits: DocumentLimits | None = None) -> MusterSchema:
    """The schema, described in full, that accepts documents within these limits."""
    schema = MusterSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Account],  # reached through interfaces only
        config=StrawberryConfig(scalar_map=SCALARS, name_converter=Naming()),
        extensions=[DocumentCheck(limits or DocumentLimits(), tells_cost=True)],
    )
    describe(schema._schema)
    _drop_null_defaults(schema._schema)
    _mark_one_of(schema._schema)
    return schema


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    # Python needs a default for what may be left out; to clients `= null` would say nothing.
    for _, _, element in described(schema):
        if isinstance(element, GraphQLArgument) and element.default_value is None:
            element.default_value = Undefined


def _mark_one_of(schema: GraphQLSchema) -> None:
    # Strawberry checks these inputs after GraphQL does, and cannot say where in a variable one is that has two keys. GraphQL can.
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLInputObjectType):
            type_.is_one_of = type_.extensions["strawberry-definition"].is_one_of
