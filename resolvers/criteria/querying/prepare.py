"""Computing what the values of large criteria are compared with, before a query or a predicate is made of them."""

from collections.abc import Sized

from models.event_loop import by_size
from resolvers.criteria.language.tree import Tree, conditions
from resolvers.criteria.semantics.time import Now

VALUE = 10  # characters that a value is taken for


async def prepare_checks(tree: Tree, now: Now) -> None:
    """Compute the checks of all conditions at this moment, in a thread if they have many values. The conditions keep them."""
    found = list(conditions(tree))
    values = sum(len(each.operand) for each in found if isinstance(each.operand, Sized))

    def compute() -> None:
        for each in found:
            each.check(now)

    await by_size(VALUE * values, compute)
