"""How fields with inputs are resolved: the scope is checked first, and large inputs are converted in a thread."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from graphql import GraphQLField, GraphQLInputObjectType, GraphQLResolveInfo, GraphQLSchema, get_named_type

from models.event_loop import in_thread
from resolvers.access.roles import require_scope
from schema.arguments import prepare
from schema.errors import MusterSchema
from schema.limits import QUICK_VALUES, count_values
from schema.scopes import RequiresScope
from schema.strawberry_adapter import Convert, StrawberryField, converter_of, declared_field, declared_input, graphql_schema

Resolve = Callable[..., Awaitable[Any]]


def resolve_large_inputs(schema: MusterSchema) -> None:
    """Let every field of a schema that takes inputs check scopes before they are converted."""
    built, inputs = graphql_schema(schema), converter_of(schema)
    for type_ in built.type_map.values():
        if isinstance(type_, GraphQLInputObjectType):
            inputs.serve(declared_input(type_))
    for field in _fields_with_inputs(built):
        declared = declared_field(field)
        converts = {name: convert for name in field.args if (convert := inputs.argument(declared, name))}
        if field.resolve and declared.is_async:
            field.resolve = _resolver(field.resolve, declared, converts)


def _fields_with_inputs(schema: GraphQLSchema) -> list[GraphQLField]:
    roots = [root for root in (schema.query_type, schema.mutation_type) if root]
    found = [field for root in roots for field in root.fields.values()]
    return [each for each in found if any(isinstance(get_named_type(given.type), GraphQLInputObjectType) for given in each.args.values())]


def _resolver(resolve: Resolve, declared: StrawberryField, converts: Mapping[str, Convert]) -> Resolve:
    scopes = [extension.scope for extension in declared.extensions if isinstance(extension, RequiresScope)]

    async def resolve_checked(source: object, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        for scope in scopes:
            require_scope(info.context, scope)
        if count_values(given, QUICK_VALUES) > QUICK_VALUES:
            given = await in_thread(lambda: {name: _converted(converts.get(name), value) for name, value in given.items()})
        return await resolve(source, info, **given)

    return resolve_checked


def _converted(convert: Convert | None, value: Any) -> Any:
    if value is None or convert is None:
        return value
    converted = convert(value)
    prepare(converted)
    return converted
