"""Criteria that clients send or have stored, parsed for the caller. Groups that the caller may not view have no name in them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn, TypeVar

import orjson
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.errors import BadInput, Problem, Refused
from models.event_loop import by_size
from resolvers.criteria.language.names import Vocabulary, load_vocabulary, size_of
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.querying.prepare import prepare_checks
from resolvers.criteria.semantics.time import Now
from resolvers.membership.clock import NOW
from resolvers.operation.context import Context
from resolvers.operation.loaders import viewable
from resolvers.reading.selection import Criterion, Selection

Document = Mapping[str, Any]
M = TypeVar("M", bound=Model)
T = TypeVar("T")


class Criteria(NamedTuple):
    """Criteria as a tree, with the names that they use."""

    tree: Tree
    vocabulary: Vocabulary


async def matching(context: Context, records: str, *, where: Document | None, among: QuerySet[M]) -> Selection[M]:
    """Return those of these records that match the criteria now, or all without criteria. `records` is their key in criteria."""
    if where is None:
        return Selection(among)
    try:
        read = await read_new(context, {records: where})
    except Refused as refused:
        _refuse([replace(problem, path=("where", *problem.path[1:])) for problem in refused.problems])
    return Selection(among, Criterion(context.services.database, read.tree, await now(context, read)))


async def read_argument(context: Context, name: str, document: Document) -> Criteria:
    """Parse the criteria in an argument of a query. Raises `BadInput`, because a query has no `userErrors`."""
    try:
        return await read_new(context, document)
    except Refused as refused:
        _refuse([problem.under(name) for problem in refused.problems])


async def readable_tree(context: Context, document: Document) -> Tree:
    """Parse criteria for a mutation. Raises `Refused` if they break a rule or name something that does not exist for the caller."""
    return (await read_new(context, document)).tree


async def read_new(context: Context, document: Document) -> Criteria:
    """Parse criteria that are not stored yet, for which groups that the caller may not view do not exist."""
    names = await load_vocabulary(context.services.database, context.services.record_types, context.caller.account_id, [document])
    visible = await viewable(context.scope, names.groups)
    vocabulary = replace(names, groups={number: group for number, group in names.groups.items() if number in visible})
    limits = context.services.criteria
    return await by_size(size_of(document), lambda: Criteria(parse(document, vocabulary, limits), vocabulary))


async def read_stored(context: Context, document: Document) -> Criteria:
    """Parse the stored criteria of a group. Groups that the caller may not view stay in them, without a name."""
    return await of_stored(context, document, Criteria)


async def of_stored(context: Context, document: Document, make: Callable[[Tree, Vocabulary], T]) -> T:
    """Parse the stored criteria of a group, and make something of them: both in a thread if they are large."""
    encoded = orjson.dumps(document)
    vocabulary = await context.loaders.vocabulary_by_document.load(encoded)
    limits = context.services.criteria
    return await by_size(len(encoded), lambda: make(parse(document, vocabulary, limits, stored=True), vocabulary))


async def now(context: Context, read: Criteria) -> Now:
    """Return the logical time, in the account's time zone. The criteria are prepared to be evaluated at it."""
    moment = Now((await context.services.database.row(NOW))["now"], read.vocabulary.zone)
    await prepare_checks(read.tree, moment)
    return moment


def _refuse(problems: list[Problem]) -> NoReturn:
    """Raise `BadInput` with the problems as text for people, and as the cause for the programs of clients."""
    words = " ".join(f"`{'.'.join(problem.path)}`: {problem.message}" for problem in problems)
    raise BadInput(words) from Refused(problems)
