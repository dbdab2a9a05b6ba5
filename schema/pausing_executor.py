"""What this project uses of graphql-core's executor beyond its documentation: lists, awaited values and variables.

It lets other tasks run while it executes. `tests/test_adapters.py` fails when an upgrade of graphql-core moves one of the names.
"""

from asyncio import CancelledError, iscoroutine
from collections.abc import Awaitable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from graphql import DocumentNode, Executor, GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues, get_variable_values

from models.event_loop import pace
from resolvers.operation.context import Context
from schema.graphql_core_adapter import CountingExecutor

MOST_COERCION_ERRORS = 50  # of the variables of a request, as in graphql-core
SHORT = 4  # elements of a list that are completed without a pause in between


def executor(
    schema: GraphQLSchema, document: DocumentNode, event: object, *, context: object, variables: dict[str, Any] | None, name: str | None
) -> Executor[Any] | list[GraphQLError]:
    """An executor of a valid document whose root is this event, or why the variables do not fit."""
    built: Executor[Any] | list[GraphQLError] = PausingExecutor.build(schema, document, event, context, variables, name)
    return built


class PausingExecutor(CountingExecutor):
    """Executes as graphql-core does, but lets other tasks run between the elements of a long list and before each awaited value.

    While it pauses, the loaders of the operation wait, so that they read as much at once as without pauses.
    """

    @classmethod
    def build(cls, schema: GraphQLSchema, document: DocumentNode, *given: Any, **options: Any) -> Any:
        """An executor of a valid document, or why its variables are refused. They may have been coerced before."""
        root, context, variables, *others = given
        if not isinstance(variables, CoercedVariables):
            return super().build(schema, document, *given, **options)
        if isinstance(variables.coerced, list):
            return variables.coerced
        built: Any = super().build(schema, variables.document, root, context, None, *others, **options)
        if isinstance(built, Executor):
            built.variable_values = variables.coerced
        return built

    def complete_iterable_value(self, *place: Any) -> Any:
        """Complete a list: at once if it is short or quickly done, and otherwise with pauses."""
        items = place[-2]
        if isinstance(items, Sized) and len(items) <= SHORT:
            return super().complete_iterable_value(*place)
        completion = _ListCompletion(self, *place)
        return completion.completed if completion.go_on() else completion.finish()

    async def complete_awaitable_value(self, *place: Any) -> Any:
        """Run a resolver, and complete the value that it returns, each of them when there is time."""
        *before, result, position = place
        try:
            await self.pause()
        except CancelledError:
            _close(result)
            raise
        if abandoned.get():
            return _close(result)
        complete: Any = super().complete_awaitable_value
        return await complete(*before, self._resolved(result), position)

    async def _resolved(self, result: Awaitable[Any]) -> Any:
        resolved = await result
        await self.pause()
        return resolved

    async def pause(self) -> None:
        """Let other tasks run if it is time."""
        ours = pace()
        if ours.is_due() and not abandoned.get():
            with self.collecting():
                await ours.pause()

    def collecting(self) -> AbstractContextManager[None]:
        """What keeps the loaders of the operation from reading before all keys are there."""
        context = self.context_value
        return context.loaders.collecting.going_on() if isinstance(context, Context) else nullcontext()

    def abandon(self, awaitables: list[Awaitable[Any]]) -> None:
        """Let what has not begun yet end without doing anything, because the part of the operation that it belongs to is cancelled."""
        token = abandoned.set(True)
        self.settle_in_background(awaitables)
        abandoned.reset(token)


abandoned: ContextVar[bool] = ContextVar("abandoned", default=False)
"""Whether the running task belongs to a part of an operation that is cancelled. The tasks that it creates inherit it."""


def _close(result: Awaitable[Any]) -> None:
    if iscoroutine(result):
        result.close()


class CoercedVariables(dict[str, Any]):
    """The variables of a request, which were coerced before its execution begins."""

    def __init__(self, given: Mapping[str, Any], document: DocumentNode, coerced: VariableValues | list[GraphQLError]) -> None:
        super().__init__(given)
        self.document = document
        """The document without declarations of variables, so that graphql-core does not coerce them again."""
        self.coerced = coerced
        """Their values, or why they are refused."""


def coerce_variables(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, given: Mapping[str, Any]
) -> CoercedVariables:
    """Coerce variables as graphql-core would when it begins to execute the operation. This may be called in a thread."""
    coerced = get_variable_values(schema, operation.variable_definitions or (), dict(given), MOST_COERCION_ERRORS)
    bare = replace(operation, variable_definitions=())
    definitions = tuple(bare if definition is operation else definition for definition in document.definitions)
    return CoercedVariables(given, DocumentNode(definitions=definitions), coerced)


class _ListCompletion:
    """The completion of one list, which can be interrupted after any element."""

    def __init__(self, executor: PausingExecutor, *place: Any) -> None:
        self.completed: list[Any] = []
        self._executor = executor
        self._item_type, self._fields, self._info, self._path, items, self._position = place
        self._items: Iterator[tuple[int, Any]] = enumerate(items)
        self._is_exhausted = False
        self._awaited: list[int] = []

    def go_on(self, *, at_least: int = 0) -> bool:
        """Complete elements until it is time to pause, but at least so many. Returns whether the list is complete."""
        ours = pace()
        try:
            while not self._is_exhausted and (at_least > 0 or not ours.is_due()):
                self._complete_next()
                at_least -= 1
        except Exception:
            self._executor.settle_in_background(self._awaitables())
            raise
        return self._is_exhausted and not self._awaited

    def _complete_next(self) -> None:
        for index, item in self._items:
            path = self._path.add_key(index, None)
            complete = self._executor.complete_list_item_value
            if complete(item, self.completed, self._item_type, self._fields, self._info, path, self._position):
                self._awaited.append(index)
            return
        self._is_exhausted = True

    async def finish(self) -> list[Any]:
        """Complete the rest, with pauses, and await what has to be awaited."""
        try:
            with self._executor.collecting():
                while not (abandoned.get() or self._is_exhausted):
                    await self._executor.pause()
                    self.go_on(at_least=1)
        except CancelledError:
            self._executor.abandon(self._awaitables())
            raise
        for index, found in zip(self._awaited, await self._executor.gather_async_work(self._awaitables()), strict=True):
            self.completed[index] = found
        return self.completed

    def _awaitables(self) -> list[Awaitable[Any]]:
        return [self.completed[index] for index in self._awaited]
