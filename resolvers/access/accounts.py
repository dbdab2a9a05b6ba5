"""The caller's account: its name, and the time zone in which its days begin."""

from collections.abc import Callable, Mapping
from typing import Any

from models import Account, AuditAction, ChangeCause
from models.ids import to_global_id
from resolvers.access.audit_log import Audited, Values, record
from resolvers.access.roles import require_admin
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.values.validation import Problems, required_text, time_zone
from resolvers.write import write


def _required_zone(value: str) -> str | None:
    return time_zone(required_text(value))


CHECKS: dict[str, Callable[[str], str | None]] = {"name": required_text, "timezone": _required_zone}


async def account(context: Context) -> Account:
    """Return the caller's account."""
    return await context.scope.account.get()


async def update_account(context: Context, changes: Mapping[str, Any]) -> Account:
    """Change the account's name or time zone. A new time zone changes every group that counts in days. None changes nothing."""
    require_admin(context)
    problems = Problems()
    given = {name: value for name, value in changes.items() if value is not None}
    assigned = {name: problems.attempt(CHECKS[name], value, "input", name) for name, value in given.items()}
    problems.raise_any()

    async def work(change: Change) -> Account:
        before = await account(context)
        await context.scope.account.update(**assigned, updated_at=change.at)
        if assigned.get("timezone") not in (None, before.timezone):
            change.invalidate(*await context.services.definitions.zoned(change.database, change.account_id))
        after = await account(context)
        await record(context, change, _audited(AuditAction.ACCOUNT_UPDATED, before, after))
        return after

    return await write(context, ChangeCause.GROUP_EDITED, work, redefines="timezone" in assigned)


async def record_created(context: Context, change: Change, account: Account) -> None:
    """Record that an account was created."""
    await record(context, change, _audited(AuditAction.ACCOUNT_CREATED, None, account))


def _audited(action: AuditAction, before: Account | None, after: Account) -> Audited:
    past = None if before is None else _values(before)
    return Audited(action=action, subject=to_global_id("Account", after.id), name=after.name, before=past, after=_values(after))


def _values(account: Account) -> Values:
    return {name: getattr(account, name) for name in CHECKS}
