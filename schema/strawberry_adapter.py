"""What this project uses of strawberry beyond its documentation, except for WebSockets.

The rest of the code imports these names from here. `tests/test_adapters.py` fails when an upgrade of strawberry moves one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar, cast
from weakref import WeakKeyDictionary, proxy

from graphql import DocumentNode, GraphQLEnumValue, GraphQLError, GraphQLField, GraphQLInputObjectType, GraphQLSchema
from strawberry import Schema
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import CustomGraphQLEnumType, GraphQLCoreConverter
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.types import ExecutionContext
from strawberry.types.arguments import InputContext, StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryObjectDefinition, StrawberryOptional, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.graphql import OperationType
from strawberry.types.lazy_type import LazyType
from strawberry.utils.str_converters import to_camel_case

from schema.pausing_executor import PausingExecutor

T = TypeVar("T")

__all__ = [
    "CannotGetOperationTypeError",
    "Convert",
    "InputConverter",
    "InvalidOperationTypeError",
    "MaybeNullValidationRule",
    "OperationExecutor",
    "StrawberryField",
    "StrawberryObjectDefinition",
    "add_arguments",
    "converter_of",
    "declared_field",
    "declared_input",
    "fields_of",
    "get_object_definition",
    "graphql_schema",
    "is_one_of",
    "is_plain_attribute",
    "name_in_request",
    "prepare",
    "set_enum_values",
    "to_camel_case",
]


Convert = Callable[[Any], Any]


class InputField(NamedTuple):
    """A field of an input: its names in requests and in Python, and what converts its values, if they have to be converted."""

    name: str
    python_name: str
    convert: Convert | None

    def converted(self, given: Mapping[str, Any]) -> Any:
        """The value of this field in the value of its input."""
        value = given[self.name]
        return value if value is None or self.convert is None else self.convert(value)


class OperationExecutor(PausingExecutor, StrawberryGraphQLCoreExecutionContext):
    """Executes queries and mutations, with pauses."""


def graphql_schema(schema: Schema) -> GraphQLSchema:
    """The schema of graphql-core that strawberry has built."""
    built: GraphQLSchema = schema._schema
    return built


def fields_of(declared: type) -> list[StrawberryField]:
    """The fields of a class that was declared to strawberry."""
    return get_object_definition(declared, strict=True).fields


class InputConverter:
    """Converts the values of inputs to instances of their classes, as strawberry does, but in a tenth of the time.

    What has been converted before stays as it is. Fields that a schema adds to an input stand in its attribute `added`, by the
    names that clients use.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = proxy(schema)
        self._fields: dict[type, tuple[list[InputField], list[InputField]]] = {}

    def serve(self, declared: type) -> None:
        """Let strawberry convert the values of an input by the converter of its schema."""
        get_object_definition(declared, strict=True).from_input = _converted

    def argument(self, field: StrawberryField, name: str) -> Convert | None:
        """What converts the values of an argument, if they have to be converted."""
        names = self._schema.config.name_converter
        return next((self._convert_to(argument.type) for argument in field.arguments if names.from_argument(argument) == name), None)

    def convert(self, declared: type[T], value: Any) -> T:
        """The value of an input as an instance of its class."""
        if isinstance(value, declared):
            return value
        own, added = self._fields.get(declared) or self._read(declared)
        made: Any = declared(**{field.python_name: field.converted(value) for field in own if field.name in value})
        if added:
            made.added = {field.name: field.converted(value) for field in added if field.name in value}
        return cast(T, made)

    def _read(self, declared: type) -> tuple[list[InputField], list[InputField]]:
        definition = get_object_definition(declared, strict=True)
        names = self._schema.config.name_converter
        found = [
            InputField(names.from_field(field), field.python_name, self._convert_to(field.resolve_type(type_definition=definition)))
            for field in self._schema.get_fields(definition)
        ]
        own = len(definition.fields)
        self._fields[declared] = found[:own], found[own:]
        return self._fields[declared]

    def _convert_to(self, type_: Any) -> Convert | None:
        match type_:
            case StrawberryOptional():
                return self._convert_to(type_.of_type)
            case StrawberryList():
                return _each(self._convert_to(type_.of_type))
            case LazyType():
                return self._convert_to(type_.resolve_type())
        if definition := get_object_definition(type_):
            return lambda value: self.convert(definition.origin, value)
        return None


def _each(convert: Convert | None) -> Convert:
    if convert is None:
        return list
    return lambda values: [value if value is None else convert(value) for value in values]


def _converted(declared: Any, value: Mapping[str, Any], context: InputContext) -> Any:
    if context.info is None:
        raise RuntimeError("an input is a part of a request")
    return converter_of(context.info.schema).convert(declared, value)


def converter_of(schema: Schema) -> InputConverter:
    """The one converter of a schema, which lives as long as it."""
    found = _converters.get(schema)
    if found is None:
        found = _converters[schema] = InputConverter(schema)
    return found


_converters: WeakKeyDictionary[Schema, InputConverter] = WeakKeyDictionary()


def set_enum_values(schema: GraphQLSchema, name: str, values: Iterable[str]) -> None:
    """Give an enum of this schema other values than it was declared with: texts, which resolvers take and return."""
    enum = schema.type_map[name]
    if not isinstance(enum, CustomGraphQLEnumType):
        raise TypeError(f"{name} is no enum of strawberry")
    make: Any = StrEnum  # type checkers want to know the members
    enum.values = {value: GraphQLEnumValue(value) for value in values}
    enum.wrapped_cls = make(name, [(value, value) for value in enum.values])


def declared_field(field: GraphQLField) -> StrawberryField:
    """What a field was declared by."""
    declared: StrawberryField = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return declared


def declared_input(type_: GraphQLInputObjectType) -> type:
    """The class that declares an input."""
    declared: type = type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].origin
    return declared


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
