"""Running requests: the one way in which anything is executed, whatever carries it.

A subscription is run in the two halves that the specification gives it: its events come from a source of its own for each
watcher, and the answer to an event is made once for all who are entitled to the same.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Collection, Hashable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, cast
from weakref import WeakValueDictionary

import strawberry
from cachetools import LRUCache
from graphql import DocumentNode, GraphQLError
from strawberry.types import ExecutionResult as StrawberryResult
from strawberry.types.graphql import OperationType

from app.graphql.execution.concurrency_limit import Turns
from app.graphql.execution.sharing import Share, SharedAnswers
from app.graphql.execution.sharing_analysis import Plan, plan
from app.graphql.execution.wire import FAULTS, Answer, Asked, Context, answer_of, code_of, encode, failure, refusal_of
from models.errors import MusterError, RateLimited
from schema.graphql_core_adapter import ExecutionResult, Executor, create_source_event_stream, execute_subscription_event, executor
from schema.strawberry_adapter import CannotGetOperationTypeError, InvalidOperationTypeError, graphql_schema, prepare
from subscriptions.messages import Told
from subscriptions.wakeups.immediate_push import ImmediatePush, Outcome, Tell
from subscriptions.wakeups.wakeup import Wakeable, Wakeup

ANY_OPERATION = frozenset(OperationType)
SUBSCRIPTIONS = frozenset({OperationType.SUBSCRIPTION})
SUBSCRIPTION = "subscription"  # a document without this word has none
MOST_PLANS = 128  # documents; with the next bound it keeps the memory of their trees to some tens of megabytes
LONGEST_PLANNED = 4_096  # characters

Answers = AsyncGenerator[Answer, None]
Events = AsyncGenerator[Any, None]
TellAnswer = Callable[[Answer], bool]
ObserveAnswers = Callable[[Asked, Context, Answers], Answers]
"""Passes the answers to a request on, and may note what it likes about them."""


def unobserved(_request: Asked, _context: Context, answers: Answers) -> Answers:
    """For those who note nothing."""
    return answers


class Sharers:
    """Watchers who are given the same answers to the same events; there is one such object while there are any."""

    __slots__ = ("__weakref__",)


class _Watch:
    """One watcher's subscription."""

    def __init__(self, schema: strawberry.Schema, found: Plan, request: Asked, context: Context) -> None:
        self._schema = schema
        self._plan = found
        self._request = request
        self._context = context

    def shares_by(self) -> Hashable:
        """What another watcher must have in common to be given the same answers."""
        caller, given = self._context.caller, self._request.variables or {}
        variables = encode(sorted((name, given[name]) for name in self._plan.variables & given.keys()))
        access = (caller.account_id, caller.user_id, caller.role) if self._plan.is_personal else caller.account_id
        return self._request.query, self._request.operation_name, variables, access

    async def events(self) -> AsyncIterable[Any] | list[GraphQLError]:
        """The source of events, or why there is none."""
        executor = self._executor_for(None)
        if isinstance(executor, list):
            return self._published(executor)
        source: Any = create_source_event_stream(executor)
        found = await source if isawaitable(source) else source
        return self._published(found.errors or []) if isinstance(found, ExecutionResult) else cast(AsyncIterable[Any], found)

    def answer(self, event: object) -> Answer | Awaitable[Answer]:
        """The answer to an event, with values as they are now; what goes wrong is part of it."""
        self._context.forget()
        try:
            executor = self._executor_for(event)
            if isinstance(executor, list):
                return refusal_of(self._published(executor))
            result: Any = execute_subscription_event(executor)
            return self._later(result) if isawaitable(result) else self._answer_of(result)
        except Exception as error:
            return failure(error)

    async def _later(self, result: Awaitable[ExecutionResult]) -> Answer:
        try:
            return self._answer_of(await result)
        except Exception as error:
            return failure(error)
        finally:
            self._context.forget()  # a watcher waits for long, and should not hold what it has read meanwhile

    def _answer_of(self, result: ExecutionResult) -> Answer:
        """The answer, or nothing but the faults in it: whoever took a spoilt one for the event would go on without what it told."""
        errors = self._published(result.errors or [])
        faults = [error for error in errors if code_of(error) in FAULTS]
        return refusal_of(faults) if faults else answer_of(result.data, errors)

    def _published(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        self._schema.process_errors(errors)
        return errors

    def _executor_for(self, event: object) -> list[GraphQLError] | Executor[Any]:
        request = self._request
        schema, document = graphql_schema(self._schema), self._plan.document
        return executor(schema, document, event, context=self._context, variables=request.variables, name=request.operation_name)


class Operations:
    """Runs requests against one schema."""

    def __init__(self, schema: strawberry.Schema, turns: Turns, observe: ObserveAnswers = unobserved) -> None:
        self.schema = schema
        self.turns = turns
        self._observe = observe
        self._plans: LRUCache[tuple[str, str | None], Plan] = LRUCache(MOST_PLANS)
        self._sharers: WeakValueDictionary[object, Sharers] = WeakValueDictionary()
        self._shared = SharedAnswers()

    async def begin(self, request: Asked, context: Context, *, kinds: Collection[OperationType], tell: TellAnswer | None = None) -> Answers:
        """Begin the request: it has one answer if it is a query or mutation, and one for each event if it is a subscription.

        Answers that `tell` takes at once are not among those that are returned. One with `errors` is the last.
        """
        found = await self._plan(request, context) if OperationType.SUBSCRIPTION in kinds else None
        match found:
            case None:
                answers = self._run(request, context, kinds)
            case Plan():
                answers = self._watch(_Watch(self.schema, found, request, context), tell)
            case errors:
                answers = self._refused(errors)
        return self._observe(request, context, answers)

    async def _run(self, request: Asked, context: Context, kinds: Collection[OperationType]) -> Answers:
        with self.turns.taken():
            results = await self.schema.stream(
                request.query,
                variable_values=request.variables,
                context_value=context,
                operation_name=request.operation_name,
                allowed_operation_types=kinds,
            )
            try:
                async with aclosing(results):
                    async for result in results:
                        if isinstance(result, StrawberryResult):  # always: incremental delivery is not enabled
                            yield answer_of(result.data, result.errors, result.extensions)
            except MusterError as error:  # a document that is not even read
                yield failure(error)

    async def _refused(self, errors: list[GraphQLError]) -> Answers:
        self.schema.process_errors(errors)
        yield refusal_of(errors)

    async def _watch(self, watch: _Watch, tell: TellAnswer | None) -> Answers:
        share = Share(self._shared, self._sharers.setdefault(watch.shares_by(), Sharers()), watch.answer)
        try:
            events = await watch.events()
            if isinstance(events, list):
                yield refusal_of(events)
                return
            if tell and isinstance(events, ImmediatePush):
                events.tell = _told_by(tell, share)
            async with aclosing(cast(Events, aiter(events))) as each:
                async for event in each:
                    answer = await _shared(share, event) if isinstance(event, Told) else await _own(watch, event)
                    yield answer
                    if answer.errors is not None:
                        return
        except Exception as error:
            yield failure(error)

    async def _plan(self, request: Asked, context: Context) -> Plan | list[GraphQLError] | None:
        """The plan of a subscription, or why it is refused, both paid for; queries and mutations have none, and pay when they are run."""
        document = await self._valid_document(request, context) if SUBSCRIPTION in request.query else None
        if not isinstance(document, DocumentNode):
            return document
        key = request.query, request.operation_name
        found = self._plans.get(key) or plan(graphql_schema(self.schema), document, request.operation_name)
        if found and len(request.query) <= LONGEST_PLANNED:
            self._plans[key] = found
        return found

    async def _valid_document(self, request: Asked, context: Context) -> DocumentNode | list[GraphQLError] | None:
        """The parsed document, if the schema's own checks let the subscription in it run, or their errors; None if another kind is to run.

        Raises what is wrong before the document is read, and a lack of points.
        """
        variables, name = request.variables, request.operation_name
        try:
            found = await prepare(self.schema, request.query, kinds=SUBSCRIPTIONS, variables=variables, context=context, name=name)
        except InvalidOperationTypeError:
            return None
        except CannotGetOperationTypeError as unknown:
            return [GraphQLError(unknown.as_http_error_reason(), original_error=unknown)]
        for error in found if isinstance(found, list) else ():
            if isinstance(error.original_error, RateLimited):
                raise error.original_error
        return found


async def _own(watch: _Watch, event: object) -> Answer:
    answer = watch.answer(event)
    return answer if isinstance(answer, Answer) else await answer


async def _shared(share: Share, event: Told) -> Answer:
    wakeup = Wakeup()
    while (answer := share.answer(event, wakeup)) is None:
        await wakeup.wait()
    share.release()
    return answer


def _told_by(tell: TellAnswer, share: Share) -> Tell:
    def tell_event(event: Told, again: Wakeable) -> Outcome:
        answer = share.answer(event, again)
        if answer is None:
            return Outcome.LATER
        if answer.errors is not None or not tell(answer):
            return Outcome.IMPOSSIBLE
        share.release()
        return Outcome.TOLD

    return tell_event
