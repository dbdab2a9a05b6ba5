"""Criteria as a client sends or stores them, read on behalf of the caller: what the caller may not view is not named to them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn, TypeVar

import orjson
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.errors import BadInput, Problem, Refused
from resolvers.criteria.language.names import Vocabulary, load_vocabulary
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.semantics.time import Now
from resolvers.membership.clock import NOW
from resolvers.operation.context import Context
from resolvers.operation.loaders import viewable
from resolvers.reading.selection import Criterion, Selection

Document = Mapping[str, Any]
M = TypeVar("M", bound=Model)


class Criteria(NamedTuple):
    """Criteria as a tree, with the names that they use."""

    tree: Tree
    vocabulary: Vocabulary


async def matching(context: Context, records: str, *, where: Document | None, among: QuerySet[M]) -> Selection[M]:
    """Those among these `records`, named by their key in criteria, for which the criteria hold now; all of them without criteria."""
    if where is None:
        return Selection(among)
    try:
        read = await read_new(context, {records: where})
    except Refused as refused:
        _say([replace(problem, path=("where", *problem.path[1:])) for problem in refused.problems])
    return Selection(among, Criterion(context.services.database, read.tree, await now(context, read.vocabulary)))


async def read_argument(context: Context, name: str, document: Document) -> Criteria:
    """The criteria in an argument of a query; `BadInput` where they are against a rule, for a query has no other way to say so."""
    try:
        return await read_new(context, document)
    except Refused as refused:
        _say([problem.under(name) for problem in refused.problems])


async def readable_tree(context: Context, document: Document) -> Tree:
    """What a client's criteria mean; `Refused` where they are against a rule or name something that does not exist for it."""
    return (await read_new(context, document)).tree


async def read_new(context: Context, document: Document) -> Criteria:
    """Criteria that nobody has accepted yet, for which hidden groups do not exist."""
    names = await load_vocabulary(context.services.database, context.services.record_types, context.caller.account_id, [document])
    visible = await viewable(context.scope, names.groups)
    vocabulary = replace(names, groups={number: group for number, group in names.groups.items() if number in visible})
    return Criteria(parse(document, vocabulary, context.services.criteria), vocabulary)


async def read_stored(context: Context, document: Document) -> Criteria:
    """Criteria of a group, in which hidden groups are there but have no name; those of many groups are read together."""
    vocabulary = await context.loaders.vocabulary_by_document.load(orjson.dumps(document))
    return Criteria(parse(document, vocabulary, context.services.criteria, stored=True), vocabulary)


async def now(context: Context, vocabulary: Vocabulary) -> Now:
    """The logical time, in the account's time zone."""
    return Now((await context.services.database.row(NOW))["now"], vocabulary.zone)


def _say(problems: list[Problem]) -> NoReturn:
    """Answer a query with its problems: in words for people, and as the cause for whoever publishes the error to programs."""
    words = " ".join(f"`{'.'.join(problem.path)}`: {problem.message}" for problem in problems)
    raise BadInput(words) from Refused(problems)
