"""Observes operations: their time, their errors, and their callers."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from time import perf_counter

from structlog.contextvars import bind_contextvars

from app.graphql.execution.wire import Answer, Answers, Context, GraphQLRequest
from app.telemetry.document import REFUSED, OperationLabels, labels_of
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracing

NAME = re.compile(r"[_A-Za-z]\w{0,79}", re.ASCII)
SUBSCRIPTION = "subscription"
BOUND = ("account", "user", "operation")  # fields that log lines of a request have as soon as they are known


class Observer:
    """Passes answers through and records them in metrics and traces."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None) -> None:
        self._metrics = metrics
        self._tracing = tracing

    def __call__(self, request: GraphQLRequest, context: Context, answers: Answers) -> Answers:
        """Return the same answers. From now on, log lines of this request contain its caller."""
        bind_contextvars(account=context.caller.account_id, user=context.caller.user_id)
        if request.operation_name and NAME.fullmatch(request.operation_name):
            bind_contextvars(operation=request.operation_name)
        return self._pass(request, answers)

    async def _pass(self, request: GraphQLRequest, answers: Answers) -> AsyncGenerator[Answer, None]:
        async with aclosing(answers) as source:
            first, labels = await self._first(request, source)
            if first is None:
                return
            with self._metrics.gauges.subscriptions.track_inprogress() if labels.kind == SUBSCRIPTION else nullcontext():
                yield first
                async for answer in source:
                    self._note(answer)
                    yield answer

    async def _first(self, request: GraphQLRequest, source: Answers) -> tuple[Answer | None, OperationLabels]:
        began = perf_counter()
        with self._tracing.operation() if self._tracing else nullcontext() as span:
            answer = await anext(source, None)
            labels = REFUSED if answer is None or answer.errors is not None else await labels_of(request)
            if span:
                span.update_name(" ".join(labels))
        self._metrics.executed(labels, perf_counter() - began)
        if answer:
            self._note(answer)
        return answer, labels

    def _note(self, answer: Answer) -> None:
        for code in answer.codes:
            self._metrics.failed(code)
