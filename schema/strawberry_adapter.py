"""What this project uses of strawberry beyond its documentation, except for WebSockets.

The rest of the code imports these names from here. `tests/test_adapters.py` fails when an upgrade of strawberry moves one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from graphql import DocumentNode, GraphQLEnumValue, GraphQLError, GraphQLField, GraphQLInputObjectType, GraphQLSchema
from strawberry import Schema
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import CustomGraphQLEnumType, GraphQLCoreConverter
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.types import ExecutionContext
from strawberry.types.arguments import InputContext, StrawberryArgument
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.graphql import OperationType
from strawberry.utils.str_converters import to_camel_case

from schema.graphql_core_adapter import CountingExecutor

T = TypeVar("T")

__all__ = [
    "CannotGetOperationTypeError",
    "InvalidOperationTypeError",
    "MaybeNullValidationRule",
    "OperationExecutor",
    "StrawberryField",
    "StrawberryObjectDefinition",
    "add_arguments",
    "fields_of",
    "get_object_definition",
    "graphql_schema",
    "is_one_of",
    "is_plain_attribute",
    "name_in_request",
    "open_to_added_fields",
    "prepare",
    "set_enum_values",
    "to_camel_case",
]


class OperationExecutor(CountingExecutor, StrawberryGraphQLCoreExecutionContext):
    """Executes queries and mutations."""


def graphql_schema(schema: Schema) -> GraphQLSchema:
    """The schema of graphql-core that strawberry has built."""
    built: GraphQLSchema = schema._schema
    return built


def fields_of(declared: type) -> list[StrawberryField]:
    """The fields of a class that was declared to strawberry."""
    return get_object_definition(declared, strict=True).fields


def open_to_added_fields(declared: type[T]) -> type[T]:
    """Let a schema add fields to an input. Their values stand in its attribute `added`, by the names that clients use."""
    get_object_definition(declared, strict=True).from_input = _with_added_fields
    return declared


def _with_added_fields(declared: Any, value: Mapping[str, Any], context: InputContext) -> Any:
    definition = get_object_definition(declared, strict=True)
    schema = context.info.schema if context.info else None
    own, added = definition.fields, schema.get_fields(definition)[len(definition.fields) :] if schema else []

    def converted(fields: Iterable[StrawberryField]) -> Iterator[tuple[StrawberryField, str, object]]:
        for field in fields:
            name = context.config.name_converter.from_field(field)
            if name in value:
                yield field, name, context.convert(value[name], field.resolve_type(type_definition=definition), name)

    made = declared(**{field.python_name: found for field, _, found in converted(own)})
    made.added = {name: found for _, name, found in converted(added)}
    return made


def set_enum_values(schema: GraphQLSchema, name: str, values: Iterable[str]) -> None:
    """Give an enum of this schema other values than it was declared with: texts, which resolvers take and return."""
    enum = schema.type_map[name]
    if not isinstance(enum, CustomGraphQLEnumType):
        raise TypeError(f"{name} is no enum of strawberry")
    make: Any = StrEnum  # type checkers want to know the members
    enum.values = {value: GraphQLEnumValue(value) for value in values}
    enum.wrapped_cls = make(name, [(value, value) for value in enum.values])


def is_one_of(type_: GraphQLInputObjectType) -> bool:
    """Whether an input was declared with `one_of=True`."""
    return bool(type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].is_one_of)


def is_plain_attribute(field: GraphQLField) -> bool:
    """Whether a field shows an attribute of its object, without a resolver or an extension of ours."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return bool(definition and definition.is_basic_field)


def name_in_request(operation: ExecutionContext) -> str | None:
    """The operation name that the client sent, in contrast to the name of the operation that runs."""
    return operation._provided_operation_name


def add_arguments(field: StrawberryField, annotations: Mapping[str, object], *, instead_of: str) -> None:
    """Declare further arguments of a field, which its function takes as the one parameter `instead_of`."""
    declared = field.base_resolver.arguments if field.base_resolver else []
    added = [
        StrawberryArgument(python_name=name, graphql_name=None, type_annotation=StrawberryAnnotation(annotation))
        for name, annotation in annotations.items()
    ]
    field.arguments = [*(argument for argument in declared if argument.python_name != instead_of), *added]


async def prepare(
    schema: Schema, query: str, *, kinds: Collection[OperationType], variables: dict[str, Any] | None, context: object, name: str | None
) -> DocumentNode | list[GraphQLError]:
    """Parse and validate a document as for its execution, and return the document, or why it is refused.

    Raises `InvalidOperationTypeError` if the operation is of another kind, `CannotGetOperationTypeError` if there is none.
    """
    operation = schema._create_execution_context(query, kinds, variables, context, operation_name=name)
    extensions = schema.get_extensions()
    for extension in extensions:
        extension.execution_context = operation
    error = await schema._prepare_operation_async(operation, schema.create_extensions_runner(operation, extensions))
    if error and error.errors:
        return error.errors
    if operation.graphql_document is None:
        raise RuntimeError("a document that was validated is there")
    return operation.graphql_document
