"""What groups' criteria use may not be deleted unawares: the refusal that names those groups."""

from collections.abc import Sequence

from models.errors import ProblemCode, Refused, refuse
from resolvers.operation.context import Context

MOST_NAMED = 10


async def in_use(context: Context, group_ids: Sequence[int], *path: str) -> Refused:
    """The refusal that names the groups that use something, as far as the caller may view them, and counts the others."""
    visible = context.scope.groups.filter(id__in=list(group_ids)).order_by("name_folded", "id").limit(MOST_NAMED)
    named = [group.name for group in await visible]
    others = len(group_ids) - len(named)
    listed = ", ".join(named) + (" and " if named and others else "") + (f"{others} more" if others else "")
    return refuse(ProblemCode.IN_USE, f"The criteria of these groups use it: {listed}. Edit them first, or use `force`.", *path)
