"""Running requests: the one way in which anything is executed, whatever transport carries it."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing
from typing import cast

import strawberry
from cachetools import LRUCache
from graphql import DocumentNode, GraphQLError, GraphQLSyntaxError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from app.graphql.execution.answer_budgets import AnswerBudgets, AnswerLimits
from app.graphql.execution.sharing_analysis import SharingAnalysis, analyse_sharing
from app.graphql.execution.subscription import PushAnswer, SharedSubscriptions, Subscription
from app.graphql.execution.subscription_budgets import KeptBytes, SubscriptionBudgets, SubscriptionLimits, kept_by
from app.graphql.execution.wire import Answer, Answers, Context, GraphQLRequest, answer_of, failure, refusal_of, refused_answer
from app.rates.admission import payer_of
from models.engine.deadlines import deadline_in
from models.engine.fair_order import WorkKey
from models.engine.fair_queue import FairQueue, work_key
from models.errors import MusterError, RateLimited, Unavailable
from models.event_loop import in_thread
from schema.documents import COUNTED, MOST_REMEMBERED, counted_length
from schema.strawberry_adapter import CannotGetOperationTypeError, InvalidOperationTypeError, graphql_schema, prepare

ANY_OPERATION = frozenset(OperationType)
SUBSCRIPTIONS = frozenset({OperationType.SUBSCRIPTION})
SUBSCRIPTION = "subscription"  # a document without this word has none
LONGEST_REMEMBERED = 4_096  # characters
REQUEST_SECONDS = 30.0  # until the deadline of a query, a mutation or the answer to an event

ObserveAnswers = Callable[[GraphQLRequest, Context, Answers], Answers]
"""Passes the answers to a request on, and may take note of them."""


def unobserved(_request: GraphQLRequest, _context: Context, answers: Answers) -> Answers:
    """Pass the answers on without taking note of them."""
    return answers


class Operations:
    """Runs requests against one schema."""

    def __init__(
        self,
        schema: strawberry.Schema,
        turns: FairQueue,
        observe: ObserveAnswers = unobserved,
        *,
        request_seconds: float = REQUEST_SECONDS,
        budgets: AnswerBudgets | None = None,
        subscriptions: SubscriptionBudgets | None = None,
    ) -> None:
        self.schema = schema
        self.budgets = budgets or AnswerBudgets(AnswerLimits())
        self.subscriptions = subscriptions or SubscriptionBudgets(SubscriptionLimits())
        self._turns = turns
        self._request_seconds = request_seconds
        self._observe = observe
        self._analyses: LRUCache[tuple[str, str | None], SharingAnalysis] = LRUCache(
            MOST_REMEMBERED * COUNTED, getsizeof=lambda analysis: counted_length(analysis.document)
        )
        self._shared = SharedSubscriptions(request_seconds)

    async def begin(
        self,
        request: GraphQLRequest,
        context: Context,
        *,
        kinds: Collection[OperationType],
        push: PushAnswer | None = None,
        within: KeptBytes | None = None,
    ) -> Answers:
        """Begin the request: it has one answer if it is a query or mutation, and one for each event if it is a subscription.

        Answers that `push` has sent are not among those that are returned. One with `errors` is the last.
        From here on, what the running task does counts as the work of the caller.
        """
        work_key.set(WorkKey(context.caller.account_id, payer_of(context.caller)))
        found = await self._analysis(request, context) if OperationType.SUBSCRIPTION in kinds else None
        match found:
            case None:
                answers = self._execute(request, context, kinds)
            case SharingAnalysis():
                answers = self._subscribe(Subscription(self.schema, found, request, context), push, within)
            case errors:
                answers = self._refuse(errors)
        return self._observe(request, context, answers)

    async def _execute(self, request: GraphQLRequest, context: Context, kinds: Collection[OperationType]) -> Answers:
        """Run a query or mutation in a turn of its caller. Raises `Overloaded`, or `DeadlineExceeded` if its turn comes too late."""
        yield await self._answer(request, context, kinds)  # without the turn, because a client may take long to read

    async def _answer(self, request: GraphQLRequest, context: Context, kinds: Collection[OperationType]) -> Answer:
        with deadline_in(self._request_seconds):
            async with self._turns.turn():
                return await self._result(request, context, kinds)

    async def _result(self, request: GraphQLRequest, context: Context, kinds: Collection[OperationType]) -> Answer:
        results = await self.schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=context,
            operation_name=request.operation_name,
            allowed_operation_types=kinds,
        )
        try:
            async with aclosing(results):
                result = cast(ExecutionResult, await anext(results))  # the only one: incremental delivery is not enabled
        except MusterError as error:  # a document that is refused before it is parsed
            return failure(error)
        except GraphQLSyntaxError as error:
            return self._refusal([error])
        except asyncio.CancelledError:
            context.stop_reading()
            raise
        if context.answer.refusal:
            return refused_answer(context.answer.refusal)
        return answer_of(result.data, result.errors, result.extensions)

    async def _subscribe(self, subscription: Subscription, push: PushAnswer | None, within: KeptBytes | None) -> Answers:
        """Run a subscription, if there is room for what it keeps."""
        size, caller = kept_by(subscription.request), subscription.context.caller
        try:
            with self.subscriptions.keeping(size, caller, within or self.subscriptions.of_connection()):
                async with aclosing(subscription.run(self._shared, push)) as answers:
                    async for answer in answers:
                        yield answer
        except Unavailable as full:
            yield failure(full)

    async def _refuse(self, errors: list[GraphQLError]) -> Answers:
        yield self._refusal(errors)

    def _refusal(self, errors: list[GraphQLError]) -> Answer:
        self.schema.process_errors(errors)
        return refusal_of(errors)

    async def _analysis(self, request: GraphQLRequest, context: Context) -> SharingAnalysis | list[GraphQLError] | None:
        """The analysis of a subscription, or why it is refused. None for a query or mutation, which is checked when it is run."""
        document = await self._valid_document(request, context) if SUBSCRIPTION in request.query else None
        if not isinstance(document, DocumentNode):
            return document
        key = request.query, request.operation_name
        found = self._analyses.get(key) or await self._analysed(document, request)
        if found and len(request.query) <= LONGEST_REMEMBERED:
            self._analyses[key] = found
        return found

    async def _analysed(self, document: DocumentNode, request: GraphQLRequest) -> SharingAnalysis | None:
        schema, name = graphql_schema(self.schema), request.operation_name
        return await in_thread(lambda: analyse_sharing(schema, document, name))

    async def _valid_document(self, request: GraphQLRequest, context: Context) -> DocumentNode | list[GraphQLError] | None:
        """The parsed document of a subscription, checked and paid for, or its errors. None if another kind of operation is to run.

        Raises what is wrong before the document is parsed, and a lack of points.
        """
        variables, name = request.variables, request.operation_name
        try:
            found = await prepare(self.schema, request.query, kinds=SUBSCRIPTIONS, variables=variables, context=context, name=name)
        except InvalidOperationTypeError:
            return None
        except GraphQLSyntaxError as unreadable:
            return [unreadable]
        except CannotGetOperationTypeError as unknown:
            return [GraphQLError(unknown.as_http_error_reason(), original_error=unknown)]
        for error in found if isinstance(found, list) else ():
            if isinstance(error.original_error, RateLimited):
                raise error.original_error
        return found
