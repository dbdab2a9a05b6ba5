"""The account itself: its name, and the time zone in which its days begin."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from models import Account, ChangeCause
from models.errors import ProblemCode, refuse
from resolvers.access import require_admin
from resolvers.checks import checked_name
from resolvers.context import Context
from resolvers.membership.change import Change
from resolvers.write import write

LONGEST_NAME = 200


async def account(context: Context) -> Account:
    """The caller's account."""
    return await context.scope.account.get()


async def update_account(context: Context, changes: Mapping[str, Any]) -> Account:
    """Rename the account or move it to another time zone, which settles every group that counts in days; nulls change nothing."""
    require_admin(context)
    assigned = {name: value for name, value in changes.items() if value is not None}
    if "name" in assigned:
        assigned["name"] = checked_name(assigned["name"], LONGEST_NAME, "input", "name")
    if "timezone" in assigned:
        checked_timezone(assigned["timezone"], "input", "timezone")
    moves = "timezone" in assigned and assigned["timezone"] != (await account(context)).timezone

    async def work(change: Change) -> Account:
        await context.scope.account.update(**assigned, updated_at=change.at)
        if moves:
            change.redefine(*await context.services.definitions.day_based(change.account_id))
        return await account(context)

    return await write(context, ChangeCause.GROUP_EDITED, work, redefines=moves)


def checked_timezone(name: str, *path: str) -> str:
    """The name, if it is one of the IANA time zone database."""
    if name not in _timezones():
        raise refuse(ProblemCode.INVALID, f'"{name[:80]}" is no IANA time zone. Write it like "Europe/Berlin" or "UTC".', *path)
    return name


@cache
def _timezones() -> set[str]:
    return available_timezones()  # it reads a directory tree
