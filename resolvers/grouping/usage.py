"""The refusal to delete what criteria of groups still use."""

from collections.abc import Sequence

from models.errors import ProblemCode, Refused, refuse
from resolvers.operation.context import Context

MOST_NAMED = 10


async def in_use(context: Context, group_ids: Sequence[int], *path: str) -> Refused:
    """Return the refusal with the names of the groups that the caller may view, and the number of the others."""
    visible = context.scope.groups.filter(id__in=list(group_ids)).order_by("name_folded", "id").limit(MOST_NAMED)
    named = [group.name for group in await visible]
    others = len(group_ids) - len(named)
    listed = ", ".join(named) + (" and " if named and others else "") + (f"{others} more" if others else "")
    return refuse(ProblemCode.IN_USE, f"The criteria of these groups use it: {listed}. Edit them first, or use `force`.", *path)
