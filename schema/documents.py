"""The check of every document before it runs: its size, its validity, the operation to run, and its cost."""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from cachetools import LRUCache
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    validate,
)
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from models.errors import BadInput, MusterError, TooCostly
from models.event_loop import in_thread, pause
from resolvers.operation.allowance import Allowance
from schema import tariff
from schema.cost import OperationCost
from schema.declared_variables import undeclared_variables
from schema.errors import BAD_USER_INPUT, MOST_ERRORS, VALIDATION_FAILED, coded
from schema.graphql_core_adapter import was_aborted, without_cause
from schema.limits import QUICK_VALUES, DocumentLimits, count_values
from schema.pausing_executor import coerce_variables
from schema.strawberry_adapter import MaybeNullValidationRule, graphql_schema, name_in_request
from schema.weight import weight_rule

T = TypeVar("T")

SEVERAL_OPERATIONS = "The document has several operations: name the one to run in `operationName`."
TOO_LONG = "The document has {found} characters, and at most {most} are allowed: send values as variables."
TOO_MANY = "The variables hold more than {most} values: send fewer at once."
TOO_COMPLEX = "The document is too complex to be validated: nest fragments less deeply, or split it into several requests."
MOST_REMEMBERED = 128  # documents, or as many characters as so many of COUNTED: searching their trees for garbage stops everything else
COUNTED = 1_024  # characters that a remembered document counts for at least
LONGEST_REMEMBERED = 4_096  # characters
QUICK = 256  # characters: checking a longer document for the first time may take far more than some milliseconds


def counted_length(document: DocumentNode) -> int:
    """The characters that a remembered document counts for."""
    return max(COUNTED, document.loc.end if document.loc else 0)


class DocumentCheck:
    """Makes the schema extension that checks each document. An instance is given to the schema's `extensions`.

    Documents found valid are remembered, so that a repeated one is neither parsed, validated nor priced again. With
    `shows_cost`, every answer says what it cost.
    """

    def __init__(self, limits: DocumentLimits, *, shows_cost: bool = False) -> None:
        self.limits = limits
        self.shows_cost = shows_cost
        self.weight_rule = weight_rule(limits)
        self._valid: LRUCache[str, DocumentNode] = LRUCache(MOST_REMEMBERED * COUNTED, getsizeof=counted_length)
        self._costs: LRUCache[tuple[str, str | None], OperationCost] = LRUCache(
            MOST_REMEMBERED * COUNTED, getsizeof=lambda cost: counted_length(cost.document)
        )

    def __call__(self) -> SchemaExtension:
        """A fresh extension for one operation."""
        return _CheckOperation(self)

    def recall(self, query: str) -> DocumentNode | None:
        """The parsed document of a query that was found valid lately."""
        return self._valid.get(query)

    def remember(self, query: str, document: DocumentNode) -> None:
        """Keep a valid document, instead of the one unused for longest if there are too many."""
        if len(query) <= LONGEST_REMEMBERED:
            self._valid[query] = document

    def cost(self, schema: GraphQLSchema, document: DocumentNode, query: str, operation_name: str | None) -> OperationCost:
        """What one operation of a valid document costs."""
        key = query, operation_name
        known = self._costs.get(key)
        if known is None:
            known = OperationCost(schema, self.limits, document, operation_name)
            if len(query) <= LONGEST_REMEMBERED:
                self._costs[key] = known
        return known


class _CheckOperation(SchemaExtension):
    """Checks the document of one operation."""

    def __init__(self, check: DocumentCheck) -> None:
        super().__init__()
        self._check = check
        self._values = 0

    async def on_parse(self) -> AsyncIterator[None]:
        await pause()
        operation = self.execution_context
        remembered = self._check.recall(operation.query or "")
        if remembered is None:
            self._require_readable()
        self._values = count_values(operation.variables, most := self._check.limits.values)
        if self._values > most:
            raise BadInput(TOO_MANY.format(most=most))
        operation.graphql_document = remembered or await self._parsed(operation.query or "")
        yield
        if self._ends_here():
            await self._spend(self._effort())

    async def _parsed(self, query: str) -> DocumentNode:
        try:
            return await self._checked(lambda: parse(query, max_tokens=self._check.limits.tokens))
        except GraphQLError:
            await self._spend(self._effort())
            raise

    async def _checked(self, work: Callable[[], T]) -> T:
        """Do a part of the check, in a thread if the document is not short."""
        if len(self.execution_context.query or "") > QUICK:
            return await in_thread(work)
        await pause()
        return work()

    def _require_readable(self) -> None:
        """Refuse to parse a document that is too long, or whose sender has no points left."""
        found, most = len(self.execution_context.query or ""), self._check.limits.characters
        if found > most:
            raise BadInput(TOO_LONG.format(found=found, most=most))
        if allowance := self._allowance:
            allowance.budget.require()

    def _ends_here(self) -> bool:
        """Whether the document is refused after it was parsed, without being validated."""
        operation = self.execution_context
        try:
            kind = operation.operation_type
        except RuntimeError:  # it has no such operation
            return True
        # Where only subscriptions are allowed, this was the search for one: a query or mutation is run and paid for afterwards.
        return kind is OperationType.SUBSCRIPTION and kind not in operation.allowed_operations

    async def on_validate(self) -> AsyncIterator[None]:
        operation = self.execution_context
        document = operation.graphql_document
        if document is not None:  # always so here: an unparsable document is answered before
            errors = await self._errors(document) or self._ambiguity(document)
            errors = errors or undeclared_variables(document, name_in_request(operation), operation.variables or {})
            operation.pre_execution_errors = await self._paid(document, errors)
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        operation = self.execution_context
        document, given = operation.graphql_document, operation.variables
        running = get_operation_ast(document, operation.operation_name) if document else None
        if document and running and given and self._values > QUICK_VALUES:
            schema = graphql_schema(operation.schema)
            operation.variables = await in_thread(lambda: coerce_variables(schema, document, running, given))
        yield

    async def _paid(self, document: DocumentNode, errors: list[GraphQLError]) -> list[GraphQLError]:
        """The errors, or a lack of points. A refused operation is paid for by its length, because reading it was work."""
        try:
            cost = self._effort() if errors else await self._cost(document)
        except MusterError as error:
            errors, cost = [_refusal(error)], self._effort()
        try:
            await self._spend(cost)
        except MusterError as error:
            return [_refusal(error)]
        return errors

    async def _spend(self, cost: int) -> None:
        if allowance := self._allowance:
            await allowance.spend(max(1, cost))

    @property
    def _allowance(self) -> Allowance | None:
        allowance: Allowance | None = self.execution_context.context.allowance
        return allowance

    def _effort(self) -> int:
        """The points that a refused operation costs."""
        return len(self.execution_context.query or "") // tariff.REFUSED_CHARACTERS + self._values // tariff.REFUSED_VALUES

    async def _cost(self, document: DocumentNode) -> int:
        operation = self.execution_context
        schema = graphql_schema(operation.schema)
        priced = self._check.cost(schema, document, operation.query or "", name_in_request(operation))
        try:
            cost, limit = await self._priced(lambda: priced.points(operation.variables or {})), self._check.limits.cost
        except RecursionError:
            raise BadInput(TOO_COMPLEX) from None
        if cost > limit:
            raise TooCostly(cost, limit)
        if self._check.shows_cost:
            operation.extensions_results["cost"] = {"requested": cost, "limit": limit}
        return cost

    async def _priced(self, work: Callable[[], int]) -> int:
        is_long = self._values > QUICK_VALUES or len(self.execution_context.query or "") > LONGEST_REMEMBERED
        return await in_thread(work) if is_long else work()

    async def _errors(self, document: DocumentNode) -> list[GraphQLError]:
        query = self.execution_context.query or ""
        if self._check.recall(query) is document:
            return []
        errors = await self._checked(lambda: self._found_errors(document))
        if not errors:
            self._check.remember(query, document)
        return errors

    def _found_errors(self, document: DocumentNode) -> list[GraphQLError]:
        errors = self._validate(document, [self._check.weight_rule])
        return errors or self._validate(document, [*self.execution_context.validation_rules, MaybeNullValidationRule])

    def _validate(self, document: DocumentNode, rules: list[type[ASTValidationRule]]) -> list[GraphQLError]:
        most = MOST_ERRORS - 1  # an error that says so is added when there are more
        errors = validate(graphql_schema(self.execution_context.schema), document, rules, max_errors=most, hide_suggestions=True)
        if was_aborted(errors, most):
            return [*map(_invalid, errors[:-1]), coded(errors[-1], VALIDATION_FAILED, TOO_COMPLEX)]
        return [_invalid(error) for error in errors]

    def _ambiguity(self, document: DocumentNode) -> list[GraphQLError]:
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        if len(operations) == 1 or name_in_request(self.execution_context) is not None:
            return []
        return [GraphQLError(SEVERAL_OPERATIONS, operations, extensions={"code": BAD_USER_INPUT})]


def _refusal(error: MusterError) -> GraphQLError:
    return GraphQLError(error.message, original_error=error)


def _invalid(error: GraphQLError) -> GraphQLError:
    """A validation error with its code, and with the text of what a scalar raised only if it was written for clients."""
    cause = error.original_error
    if cause is None or isinstance(cause, MusterError | GraphQLError):
        return coded(error, VALIDATION_FAILED)
    return coded(error, VALIDATION_FAILED, without_cause(error.message, cause))
