"""Undocumented names of other libraries: each stands in an adapter, and is there in the installed version as we use it."""

import ast
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    execute_sync,
    parse,
    validate,
)

from schema.graphql_core_adapter import (
    drop_null_default,
    is_about_a_variable,
    is_about_an_argument,
    mark_one_of,
    was_aborted,
    without_cause,
    without_suggestion,
)

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "schema", "resolvers", "subscriptions", "models")

# The modules that may use undocumented names, by library.
ADAPTERS = {
    "strawberry-graphql": ("schema/strawberry_adapter.py", "app/graphql/transport/strawberry_websockets.py"),
    "graphql-core": ("schema/graphql_core_adapter.py", "schema/pausing_executor.py"),
    "uvicorn": ("app/graphql/transport/uvicorn_protocols.py",),
    "tortoise-orm": ("models/orm/tortoise_adapter.py", "models/engine/asyncpg_client.py", "models/engine/sqlite_client.py"),
    "pypika-tortoise": ("models/orm/sql.py",),
    "asyncpg": ("models/engine/asyncpg_client.py", "models/engine/asyncpg_connection.py"),
    "aiosqlite": ("models/engine/sqlite_connection.py",),
}

# Modules whose names every other module may use, because they are documented. Others stand in the adapters.
DOCUMENTED = {
    "strawberry": {
        "strawberry",
        "strawberry.extensions",
        "strawberry.schema.config",
        "strawberry.schema.name_converter",
        "strawberry.types",
        "strawberry.types.field",
        "strawberry.types.graphql",
        "strawberry.types.scalar",
    },
    "graphql": {"graphql"},
    "uvicorn": {"uvicorn", "uvicorn.config", "uvicorn.supervisors"},
}

HANDLER = "strawberry.subscriptions.protocols.graphql_transport_ws.handlers:BaseGraphQLTransportWSHandler"
OPERATION = "strawberry.subscriptions.protocols.graphql_transport_ws.handlers:Operation"
POSTGRESQL = "tortoise.backends.asyncpg.client"
POOLED_CLIENT = f"{POSTGRESQL}:AsyncpgDBClient"
SQLITE = "tortoise.backends.sqlite.client"
CONTEXTS = "tortoise.backends.base.client"
HTTP = "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol"
WEBSOCKET = "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol"

# Functions that we call or override, with the parameters that they must begin with.
FUNCTIONS = {
    "strawberry-graphql": {
        "strawberry:Schema.get_extensions": "self sync",
        "strawberry:Schema.get_fields": "self type_definition",
        "strawberry:Schema.create_extensions_runner": "self execution_context extensions",
        "strawberry:Schema.process_errors": "self errors execution_context",
        "strawberry:Schema._create_execution_context": (
            "self query allowed_operation_types variable_values context_value root_value operation_name"
        ),
        "strawberry:Schema._prepare_operation_async": "self context extensions_runner",
        "strawberry.schema.name_converter:NameConverter.from_argument": "self argument",
        "strawberry.schema.name_converter:NameConverter.from_field": "self field",
        "strawberry.types.field:StrawberryField.resolve_type": "self type_definition",
        "strawberry.types.arguments:StrawberryArgument": "python_name graphql_name type_annotation",
        "strawberry.annotation:StrawberryAnnotation": "annotation",
        "strawberry.types.base:get_object_definition": "obj",
        "strawberry.utils.str_converters:to_camel_case": "snake_str",
        "strawberry.schema.exceptions:CannotGetOperationTypeError.as_http_error_reason": "self",
        "strawberry.schema.validation_rules.maybe_null:MaybeNullValidationRule": "validation_context",
        "strawberry.asgi:ASGIWebSocketAdapter": "view request response",
        "strawberry.asgi:ASGIWebSocketAdapter.iter_json": "self ignore_parsing_errors",
        "strawberry.asgi:ASGIWebSocketAdapter.send_json": "self message",
        "strawberry.asgi:ASGIWebSocketAdapter.close": "self code reason",
        "strawberry.asgi:GraphQL.get_context": "self request response",
        f"{HANDLER}.handle": "self",
        f"{HANDLER}.handle_message": "self message",
        f"{HANDLER}.handle_invalid_message": "self error_message",
        f"{HANDLER}.handle_connection_init": "self message",
        f"{HANDLER}.handle_pong": "self message",
        f"{HANDLER}.handle_subscribe": "self message",
        f"{HANDLER}.run_operation": "self operation",
        f"{HANDLER}.send_message": "self message",
        f"{OPERATION}.send_operation_message": "self message",
    },
    "graphql-core": {
        "graphql:Executor.execute_field": "self parent_type source field_details_list path",
        "graphql:Executor.complete_leaf_value": "return_type result",
        "graphql:Executor.build": "schema document root_value context_value raw_variable_values operation_name",
        "graphql:Executor.complete_iterable_value": "self item_type field_details_list info path items position_context",
        "graphql:Executor.complete_list_item_value": (
            "self item complete_results item_type field_details_list info item_path position_context"
        ),
        "graphql:Executor.complete_awaitable_value": "self return_type field_details_list info path result position_context",
        "graphql:Executor.gather_async_work": "self values",
        "graphql:Executor.settle_in_background": "self awaitables",
        "graphql:create_source_event_stream": "executor",
        "graphql:execute_subscription_event": "executor",
        "graphql:validate": "schema document_ast rules max_errors hide_suggestions",
    },
    "uvicorn": {
        f"{HTTP}.connection_made": "self transport",
        f"{HTTP}.connection_lost": "self exc",
        f"{HTTP}.pause_writing": "self",
        f"{WEBSOCKET}.connection_made": "self transport",
        f"{WEBSOCKET}.handle_text": "self event",
        f"{WEBSOCKET}.handle_cont": "self event",
        f"{WEBSOCKET}.handle_bytes": "self event",
        f"{WEBSOCKET}.connection_lost": "self exc",
        f"{WEBSOCKET}.pause_writing": "self",
        f"{HTTP}.data_received": "self data",
        f"{HTTP}.handle_websocket_upgrade": "self",
        f"{HTTP}.on_message_begin": "self",
        f"{HTTP}.on_header": "self name value",
        f"{HTTP}.on_headers_complete": "self",
        f"{HTTP}.on_body": "self body",
        f"{HTTP}.on_message_complete": "self",
        f"{HTTP}.resume_writing": "self",
        f"{WEBSOCKET}.handle_ping": "self",
        f"{WEBSOCKET}.resume_writing": "self",
        f"{WEBSOCKET}.run_asgi": "self",
        "uvicorn.supervisors:Multiprocess": "config sockets",
        "uvicorn:Server.run": "self sockets",
    },
    "tortoise-orm": {
        "tortoise.models:Model._init_from_db": "kwargs",
        "tortoise.queryset:ValuesQuery._choose_db_if_not_chosen": "self for_write",
        "tortoise.queryset:ValuesQuery._make_query": "self",
        "tortoise.fields:Field.to_db_value": "self value instance",
        "tortoise.fields:Field.get_for_dialect": "self dialect key",
        "tortoise.query_utils:QueryModifier": "where_criterion",
        "tortoise.expressions:Q.resolve": "self resolve_context",
        "tortoise.context:set_global_context": "ctx",
        "tortoise.migrations.recorder:MigrationRecorder.ensure_schema": "self schema_editor",
        "tortoise.migrations.schema_editor.sqlite:SqliteSchemaEditor": "connection atomic",
        "tortoise.migrations.schema_editor.asyncpg:AsyncpgSchemaEditor": "connection atomic",
        f"{POOLED_CLIENT}._in_transaction": "self",
        f"{POOLED_CLIENT}.create_pool": "self kwargs",
        f"{POOLED_CLIENT}.acquire_connection": "self",
        f"{POSTGRESQL}:TransactionWrapper": "connection",
        f"{CONTEXTS}:NestedTransactionContext": "client",
        f"{CONTEXTS}:TransactionalDBClient.savepoint_rollback": "self",
        f"{CONTEXTS}:TransactionalDBClient.release_savepoint": "self",
        f"{SQLITE}:SqliteClient._in_transaction": "self",
        f"{SQLITE}:SqliteTransactionWrapper": "connection",
        f"{SQLITE}:SqliteTransactionWrapper.begin": "self",
        f"{SQLITE}:SqliteTransactionWrapper.commit": "self",
        f"{SQLITE}:SqliteTransactionWrapper.rollback": "self",
        f"{SQLITE}:SqliteClient.acquire_connection": "self",
        f"{SQLITE}:SqliteClient.execute_query": "self query values",
        f"{SQLITE}:SqliteClient.execute_query_dict": "self query values",
        f"{SQLITE}:translate_exceptions": "func",
    },
    "pypika-tortoise": {
        "pypika_tortoise.terms:Criterion.negate": "self",
        "pypika_tortoise.terms:Term.get_sql": "self ctx",
        "pypika_tortoise.terms:ValueWrapper.get_formatted_value": "value ctx",
        "pypika_tortoise.terms:Parameterizer.create_param": "self value",
        "pypika_tortoise.context:SqlContext.copy": "self",
        "pypika_tortoise.terms:Tuple": "values",
    },
    "asyncpg": {
        "asyncpg:create_pool": "dsn",
        "asyncpg:connect": "dsn",
        "asyncpg.pool:Pool.release": "self connection",
        "asyncpg.pool:Pool.expire_connections": "self",
    },
    "aiosqlite": {"aiosqlite:Connection._execute": "self fn args kwargs"},
}

# Attributes that objects have, and modules.
ATTRIBUTES = {
    "strawberry-graphql": {
        "strawberry:Schema": "_schema",
        "strawberry.types.execution:ExecutionContext": "_provided_operation_name operation_type",
        "strawberry.schema.schema_converter:GraphQLCoreConverter": "DEFINITION_BACKREF",
        "strawberry.schema.schema": "StrawberryGraphQLCoreExecutionContext",
        "strawberry.types.base:StrawberryObjectDefinition": "fields from_input is_one_of origin",
        "strawberry.types.arguments:InputContext": "info",
        "strawberry.schema.schema_converter:CustomGraphQLEnumType": "values wrapped_cls",
        "strawberry.types.field:StrawberryField": "arguments base_resolver extensions is_async is_basic_field python_name graphql_name",
        "strawberry.types.base": "StrawberryList StrawberryOptional",
        "strawberry.types.lazy_type:LazyType": "resolve_type",
        "strawberry.http.exceptions": "NonJsonMessageReceived NonTextMessageReceived WebSocketDisconnected",
        "strawberry.schema.exceptions": "CannotGetOperationTypeError InvalidOperationTypeError",
        "strawberry.asgi:ASGIWebSocketAdapter": "ws",
        "strawberry.asgi:GraphQL": "websocket_adapter_class graphql_transport_ws_handler_class",
        HANDLER: "operations connection_init_received connection_init_timeout_task connection_acknowledged context view websocket",
        OPERATION: "id query variables operation_name",
    },
    "graphql-core": {
        "graphql.validation.validate": "ValidationAbortedError",
        "graphql.execution.values": "VariableValues get_variable_values",
        "graphql:Executor": "context_value variable_values",
        "graphql:GraphQLArgument": "default_value",
        "graphql:GraphQLInputObjectType": "is_one_of",
    },
    "uvicorn": {
        HTTP: "cycle flow loop pipeline scope transport",
        "uvicorn.protocols.http.httptools_impl:RequestResponseCycle": "more_body response_complete",
        "uvicorn.protocols.http.flow_control:FlowControl": "read_paused write_paused",
        WEBSOCKET: "close_sent conn connections disconnected handshake_complete loop scope transport writable",
        "websockets.server:ServerProtocol": "data_to_send extensions",
        "websockets.frames:Frame": "data",
        "uvicorn.config": "STARTUP_FAILURE",
        "uvicorn.supervisors:Multiprocess": "processes",
        "uvicorn.supervisors.multiprocess:Process": "exitcode",
    },
    "tortoise-orm": {
        "tortoise.models:Model": "_meta",
        "tortoise.models:MetaInfo": "fields_map db_table",
        "tortoise.queryset:ValuesQuery": "query",
        "tortoise.query_utils:QueryModifier": "where_criterion",
        "tortoise.migrations.executor:MigrationExecutor": "connection recorder",
        POOLED_CLIENT: "_pool _pool_init_lock _connection extra pool_maxsize",
        f"{POSTGRESQL}:TransactionWrapper": "_connection _finalized _lock",
        f"{SQLITE}:SqliteClient": "_connection _lock filename log pragmas",
        f"{SQLITE}:SqliteTransactionWrapper": "_connection _finalized _lock",
    },
    "pypika-tortoise": {
        "pypika_tortoise.context:SqlContext": "dialect parameterizer",
        "pypika_tortoise.terms:Parameterizer": "values",
        "pypika_tortoise:Query": "SQL_CONTEXT",
        "pypika_tortoise.enums:Dialects": "POSTGRESQL",
    },
    "asyncpg": {"asyncpg.connection:Connection": "_transport"},
    "aiosqlite": {"aiosqlite:Connection": "_conn"},
}


def attributes_of(owner: Any) -> set[str]:
    """The names that a module has, or a class and its instances."""
    found = set(dir(owner))
    for class_ in owner.__mro__[:-1] if inspect.isclass(owner) else ():
        found |= set(getattr(class_, "__annotations__", ())) | set(getattr(class_, "__dataclass_fields__", ()))
        found |= set(assigned(ast.parse(source_of(class_))))
    return found


def source_of(class_: type) -> str:
    try:
        return dedent(inspect.getsource(class_))
    except (OSError, TypeError):  # made at run time, or written in C
        return ""


def assigned(tree: ast.AST) -> Iterator[str]:
    """The names that methods assign to attributes of `self`."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def moved(functions: Mapping[str, str], attributes: Mapping[str, str]) -> list[str]:
    """What is not where we use it, in the installed version of a library."""
    found = []
    for place, parameters in functions.items():
        try:
            actual = [*inspect.signature(pkgutil.resolve_name(place)).parameters]
        except (AttributeError, ImportError):
            found.append(f"{place} is gone")
            continue
        if actual[: len(parameters.split())] != parameters.split():
            found.append(f"{place} takes ({', '.join(actual)}) rather than ({', '.join(parameters.split())})")
    for place, names in attributes.items():
        try:
            missing = set(names.split()) - attributes_of(pkgutil.resolve_name(place))
        except (AttributeError, ImportError):
            missing = set(names.split())
        found += [f"{place} has no {name}" for name in sorted(missing)]
    return found


@pytest.mark.parametrize("library", ADAPTERS)
def test_every_undocumented_name_is_where_its_adapter_uses_it(library: str) -> None:
    problems = "; ".join(moved(FUNCTIONS[library], ATTRIBUTES[library]))
    assert not problems, f"{library} {version(library)} moved names that {' and '.join(ADAPTERS[library])} use: {problems}."


def test_a_name_that_was_moved_is_noticed() -> None:
    assert moved({f"{HTTP}.on_body": "self data", f"{HTTP}.gone": "self"}, {HTTP: "cycle away"}) == [
        f"{HTTP}.on_body takes (self, body) rather than (self, data)",
        f"{HTTP}.gone is gone",
        f"{HTTP} has no away",
    ]


# ---------------------------------------------------------------- nobody else uses them


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """The parsed modules of the product."""
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))}


def defined(tree: ast.AST) -> Iterator[str]:
    """The names that a module gives to its own variables, functions, classes and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in {"_asdict", "_fields", "_make", "_replace"}


def foreign(tree: ast.Module, ours: set[str]) -> Iterator[str]:
    """Each use of a private name that is not one of ours, with its line."""
    own = set(defined(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")), attr=name) if is_private(name):
                known = ours
            case ast.Attribute(attr=name) if is_private(name):
                known = own
            case ast.ImportFrom(module=str(module), names=aliases) if any(
                map(is_private, [*module.split("."), *(a.name for a in aliases)])
            ):
                name, known = module, set()
            case _:
                continue
        if name not in known:
            yield f"{node.lineno}: {name}"


def test_no_other_module_uses_a_private_name_of_a_library(modules: dict[str, ast.Module]) -> None:
    ours = {name for tree in modules.values() for name in defined(tree)}
    adapters = {module for adapters in ADAPTERS.values() for module in adapters}
    uses = {name: [*foreign(tree, ours)] for name, tree in modules.items() if name not in adapters}
    assert {name: lines for name, lines in uses.items() if lines} == {}


def test_no_other_module_imports_from_an_undocumented_place(modules: dict[str, ast.Module]) -> None:
    for module, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (library := (node.module or "").partition(".")[0]) in DOCUMENTED:
                is_adapter = any(module in adapters for adapters in ADAPTERS.values())
                assert is_adapter or node.module in DOCUMENTED[library], f"{module}:{node.lineno} imports from {node.module}"


@pytest.mark.parametrize("use", ["found._pool", "found.other()._pool", "self._elsewhere", "from strawberry.schema._graphql_core import x"])
def test_a_private_name_outside_the_adapters_is_noticed(use: str) -> None:
    tree = ast.parse(f"{use}\nself._own = own._own")
    assert len([*foreign(tree, {"_own", "_pool"})]) == 1


# ---------------------------------------------------------------- what graphql-core says of errors


def _refuse(value: object) -> object:
    raise ValueError(f"secret of {value}")


PICKY = GraphQLScalarType("Picky", parse_value=_refuse)
QUERY = GraphQLObjectType(
    "Query",
    {
        "field": GraphQLField(
            GraphQLString, args={"value": GraphQLArgument(PICKY), "text": GraphQLArgument(GraphQLNonNull(GraphQLString), default_value="x")}
        )
    },
)
SCHEMA = GraphQLSchema(QUERY)


def answer_error(document: str, **variables: object) -> GraphQLError:
    errors = execute_sync(SCHEMA, parse(document), variable_values=variables).errors
    assert errors
    return errors[0]


def test_the_text_of_what_a_scalar_raised_is_found_in_the_message() -> None:
    (error,) = validate(SCHEMA, parse('{ field(value: "a") }'))
    assert isinstance(error.original_error, ValueError)
    assert "secret" in error.message
    assert without_cause(error.message, error.original_error) == "Expected value of type 'Picky', found: \"a\"."


def test_the_refused_value_of_an_argument_is_told_by_its_nodes() -> None:
    error = answer_error("query ($text: String) { field(text: $text) }", text=None)
    assert error.path == ["field"]
    assert (is_about_an_argument(error), is_about_a_variable(error)) == (True, False)


def test_the_refused_value_of_a_variable_is_told_by_its_nodes() -> None:
    error = answer_error("query ($value: Picky) { field(value: $value) }", value="a")
    assert (is_about_an_argument(error), is_about_a_variable(error)) == (False, True)
    assert isinstance(error.original_error, GraphQLError)
    assert isinstance(error.original_error.original_error, ValueError)


def test_any_other_error_of_a_field_is_neither() -> None:
    schema = GraphQLSchema(GraphQLObjectType("Query", {"field": GraphQLField(GraphQLNonNull(GraphQLString))}))
    errors = execute_sync(schema, parse("{ field }")).errors
    assert errors
    assert (is_about_an_argument(errors[0]), is_about_a_variable(errors[0])) == (False, False)


def test_a_suggestion_is_found_in_the_message() -> None:
    (error,) = validate(SCHEMA, parse("{ feild }"))
    assert "Did you mean" in error.message
    assert without_suggestion(error.message) == "Cannot query field 'feild' on type 'Query'."


def test_validation_that_was_aborted_is_told_from_one_that_found_too_much() -> None:
    deep = (
        "query { ...F0 }"
        + "".join(f"fragment F{n} on Query {{ field ...F{n + 1} }}" for n in range(2_000))
        + "fragment F2000 on Query { field }"
    )
    assert was_aborted(validate(SCHEMA, parse(deep), max_errors=5), 5)
    assert not was_aborted(validate(SCHEMA, parse("{ " + " ".join("abcdefgh") + " }"), max_errors=5), 5)
    assert not was_aborted(validate(SCHEMA, parse("{ a b }"), max_errors=5), 5)
    assert not was_aborted(validate(SCHEMA, parse("{ field }"), max_errors=5), 5)


def test_a_built_type_can_be_changed() -> None:
    argument = GraphQLArgument(GraphQLString, default_value=None)
    drop_null_default(argument)
    assert argument.default_value is Undefined
    input_ = GraphQLInputObjectType("Input", {})
    assert not input_.is_one_of
    mark_one_of(input_)
    assert input_.is_one_of
