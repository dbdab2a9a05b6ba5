"""Criteria as a client sends them, in a query or for a group: parsed on behalf of the caller."""

from collections.abc import Mapping
from typing import Any

from tortoise.expressions import Q

from models.errors import BadInput, Problem, ProblemCode, Refused, refuse
from resolvers.context import Context
from resolvers.criteria.mentions import groups_mentioned
from resolvers.criteria.names import load_vocabulary
from resolvers.criteria.parse import parse
from resolvers.criteria.query import criteria_query
from resolvers.criteria.tree import Tree
from resolvers.membership.settle import read_clock


async def matching(context: Context, records: str, where: Mapping[str, Any] | None) -> Q:
    """The `contacts` or `appointments` for which the criteria hold now; all of them where there are none."""
    if where is None:
        return Q()
    database = context.services.database
    try:
        tree = await readable_tree(context, {records: where})
    except Refused as refused:
        raise BadInput(" ".join(_said(problem) for problem in refused.problems)) from None
    definitions = await context.services.definitions.current(database, context.caller.account_id)
    return criteria_query(tree, await read_clock(database, definitions))


async def readable_tree(context: Context, document: Mapping[str, Any]) -> Tree:
    """What a client's criteria mean; `Refused` where they are against a rule or name something that does not exist for it."""
    vocabulary = await load_vocabulary(context.services.database, context.caller.account_id, [document])
    tree = parse(document, vocabulary, context.services.criteria)
    groups = groups_mentioned(tree)
    if groups and await context.scope.groups.filter(id__in=list(groups)).count() < len(groups):
        raise refuse(ProblemCode.NOT_FOUND, "The criteria name a group that does not exist.")
    return tree


def _said(problem: Problem) -> str:
    return f"`{'.'.join(('where', *problem.path[1:]))}`: {problem.message}"
