"""One client's subscription: the source of its events, and the answers to them, made once for all who may see the same."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Hashable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, cast
from weakref import WeakValueDictionary

import strawberry
from graphql import GraphQLError

from app.graphql.execution.sharing import Share, SharedAnswers
from app.graphql.execution.sharing_analysis import SharingAnalysis
from app.graphql.execution.wire import FAULTS, Answer, Answers, Context, GraphQLRequest, answer_of, code_of, encode, failure, refusal_of
from models.engine.deadlines import deadline_in
from schema.graphql_core_adapter import ExecutionResult, Executor, create_source_event_stream, execute_subscription_event
from schema.pausing_executor import executor
from schema.strawberry_adapter import graphql_schema
from subscriptions.messages import Shareable
from subscriptions.wakeups.immediate_push import Push, PushingStream, PushOutcome
from subscriptions.wakeups.wakeup import Wakeable, Wakeup

Events = AsyncGenerator[Any, None]
PushAnswer = Callable[[Answer], bool]
"""Sends an answer to the client at once, or returns False if it would have to wait."""


class Sharers:
    """Stands for the watchers who receive the same answers to the same events. One object is kept while there are any."""

    __slots__ = ("__weakref__",)


class SharedSubscriptions:
    """What the subscriptions of a process share: who may be given the same answers, and these answers."""

    def __init__(self, answer_seconds: float) -> None:
        self.answer_seconds = answer_seconds
        self.answers = SharedAnswers()
        self._sharers: WeakValueDictionary[object, Sharers] = WeakValueDictionary()

    def sharers(self, key: Hashable) -> Sharers:
        """The one object for all watchers with this key."""
        return self._sharers.setdefault(key, Sharers())


class Subscription:
    """One valid subscription of one client."""

    def __init__(self, schema: strawberry.Schema, analysis: SharingAnalysis, request: GraphQLRequest, context: Context) -> None:
        self._schema = schema
        self._analysis = analysis
        self.request = request
        self.context = context

    async def run(self, shared: SharedSubscriptions, push: PushAnswer | None) -> Answers:
        """Yield the answer to each event, except those that were pushed. One with `errors` is the last."""
        self._answer_seconds = shared.answer_seconds
        share = Share(shared.answers, shared.sharers(self._shares_by()), self.answer)
        try:
            events = await self._events()
            if isinstance(events, list):
                yield refusal_of(events)
                return
            if push and isinstance(events, PushingStream):
                events.push = _push_events(push, share)
            async with aclosing(cast(Events, aiter(events))) as each:
                async for event in each:
                    answer = await _shared_answer(share, event) if isinstance(event, Shareable) else await self._own_answer(event)
                    yield answer
                    if answer.errors is not None:
                        return
        except Exception as error:
            yield failure(error)

    def _shares_by(self) -> Hashable:
        """What another subscription must have in common to be given the same answers."""
        caller, given = self.context.caller, self.request.variables or {}
        variables = encode(sorted((name, given[name]) for name in self._analysis.variables & given.keys()))
        access = (caller.account_id, caller.people) if self._analysis.is_personal else caller.account_id
        return self.request.query, self.request.operation_name, variables, access

    async def _events(self) -> AsyncIterable[Any] | list[GraphQLError]:
        """The source of events, or why there is none."""
        runs = self._executor(None)
        if isinstance(runs, list):
            return self._published(runs)
        source: Any = create_source_event_stream(runs)
        found = await source if isawaitable(source) else source
        return self._published(found.errors or []) if isinstance(found, ExecutionResult) else cast(AsyncIterable[Any], found)

    def answer(self, event: object) -> Answer | Awaitable[Answer]:
        """The answer to an event, with values as they are now. It never raises: errors are part of the answer."""
        self.context.forget()
        self.context.answer.restart()
        try:
            runs = self._executor(event)
            if isinstance(runs, list):
                return refusal_of(self._published(runs))
            result: Any = execute_subscription_event(runs)
            return self._answer_later(result) if isawaitable(result) else self._answer_of(result)
        except Exception as error:
            return failure(error)

    async def _answer_later(self, result: Awaitable[ExecutionResult]) -> Answer:
        try:
            with deadline_in(self._answer_seconds):
                return self._answer_of(await result)
        except Exception as error:
            return failure(error)
        finally:
            self.context.forget()  # a subscription waits for long, and must not hold what it has read meanwhile

    async def _own_answer(self, event: object) -> Answer:
        answer = self.answer(event)
        return answer if isinstance(answer, Answer) else await answer

    def _answer_of(self, result: ExecutionResult) -> Answer:
        """The answer, or only the errors after a fault of the server: a client must not take a partial answer for the event."""
        if self.context.answer.refusal:
            return failure(self.context.answer.refusal)
        errors = self._published(result.errors or [])
        faults = [error for error in errors if code_of(error) in FAULTS]
        return refusal_of(faults) if faults else answer_of(result.data, errors)

    def _published(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        self._schema.process_errors(errors)
        return errors

    def _executor(self, event: object) -> list[GraphQLError] | Executor[Any]:
        schema, request = graphql_schema(self._schema), self.request
        document = self._analysis.document
        return executor(schema, document, event, context=self.context, variables=request.variables, name=request.operation_name)


async def _shared_answer(share: Share, event: Shareable) -> Answer:
    wakeup = Wakeup()
    while (answer := share.answer(event, wakeup)) is None:
        await wakeup.wait()
    share.release()
    return answer


def _push_events(push: PushAnswer, share: Share) -> Push:
    """How the source of events pushes one: by its shared answer, if that is there and the client makes room for it."""

    def push_event(event: Shareable, stream: Wakeable) -> PushOutcome:
        answer = share.answer(event, stream)
        if answer is None:
            return PushOutcome.LATER
        if answer.errors is not None or not push(answer):
            return PushOutcome.IMPOSSIBLE
        share.release()
        return PushOutcome.SENT

    return push_event
