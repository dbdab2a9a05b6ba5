"""Permissions of groups: read the audiences that clients send, and check them before edits."""

from collections.abc import Mapping
from typing import Any

from models import Group, Role
from models.audience import EVERYONE, Audience, read_audience
from models.errors import Forbidden, Problem, ProblemCode, Refused, refuse
from models.ids import number_of, to_global_id
from resolvers.access.roles import require_editor
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, unknown


async def audiences(context: Context, permission: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the stored form of the given audiences, by `view` and `edit`."""
    given = permission or {}
    return {side: (await _audience(context, side, given[side])).marks() for side in ("view", "edit") if given.get(side)}


async def _audience(context: Context, side: str, given: Mapping[str, Any]) -> Audience:
    match given:
        case {"everyone": True}:
            return EVERYONE
        case {"only_owner": True}:
            return Audience()
        case {"roles": [_, *_] as roles}:
            return Audience(roles=tuple(dict.fromkeys(Role(role) for role in roles)))
        case {"users": [_, *_] as users}:
            return Audience(user_ids=await _users(context, side, users))
    raise refuse(
        ProblemCode.INVALID,
        "Say `everyone: true`, `onlyOwner: true`, or name at least one role or user.",
        *("input", "permission", side),
    )


async def _users(context: Context, side: str, ids: list[str]) -> tuple[int, ...]:
    numbers = [number_of(text, "User") for text in ids]
    known = {user.id for user in await context.scope.users.filter(id__in=[number for number in numbers if number])}
    problems = [
        Problem(ProblemCode.NOT_FOUND, "No such user in this account.", ("input", "permission", side, "users", str(index)))
        for index, number in enumerate(numbers)
        if number not in known
    ]
    if problems:
        raise Refused(problems)
    return tuple(dict.fromkeys(number for number in numbers if number))


async def editable_group(context: Context, group_id: str) -> Group:
    """Return the group if the caller may edit it. Raises `Forbidden` if they may only view it, else `NotFound`."""
    require_editor(context)
    group = await context.scope.groups.get_or_none(id=id_of(group_id, "Group", "group"))
    if group is None:
        raise unknown("group")
    if not viewer_can_edit(context, group):
        raise Forbidden("You may view this group but not edit it. Ask its owner for permission.")
    return group


def audience_document(marks: str) -> dict[str, Any]:
    """Return a stored audience in the form that clients send."""
    audience = read_audience(marks)
    if audience.everyone:
        return {"everyone": True}
    if audience.only_owner:
        return {"onlyOwner": True}
    people = {"roles": [*audience.roles], "users": [to_global_id("User", user_id) for user_id in audience.user_ids]}
    return {kind: found for kind, found in people.items() if found}


def viewer_can_edit(context: Context, group: Group) -> bool:
    """Whether the caller's role and the group's permission allow the caller to edit it."""
    caller = context.caller
    return caller.role is not Role.VIEWER and read_audience(group.edit).permits(group.owner_id, caller.people)
