"""Creates access tokens for users, who are found by their e-mail addresses."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.provisioning.accounts import chosen_account
from models import TokenScope, User
from models.errors import BadInput
from models.ids import to_global_id
from models.text import fold
from resolvers.access.tokens import create_access_token
from resolvers.operation.context import Context, system_context

_DAYS = re.compile(r"(\d{1,5})d", re.ASCII)


async def create_token(context: Context, name: str, *, expires: str | None = None, scopes: Sequence[TokenScope] | None = None) -> str:
    """Create an access token for the context's user and return its secret.

    The secret cannot be read again. The audit log names no actor, because an operator did it.
    """
    account = await context.scope.account.get()
    expires_at = expires and expiry(expires, ZoneInfo(account.timezone), context.services.wall_clock())
    operator, user_id = system_context(context.services, account.id), to_global_id("User", context.caller.user_id)
    _, secret = await create_access_token(operator, name=name, user_id=user_id, expires_at=expires_at or None, scopes=scopes)
    return secret


def expiry(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Parse `30d` as that many days from now, and `2027-01-31` as the end of that day in the zone."""
    try:
        if days := _DAYS.fullmatch(text):
            return now + timedelta(days=int(days[1]))
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"--expires takes a day such as 2027-01-31 or a number of days such as 30d, not {text}.") from None


async def user_with_email(email: str, account: str | None) -> User:
    """Find the user with this e-mail address, in the named account if several accounts have one."""
    found = await User.filter(email_folded=fold(email)).order_by("id")
    if account is not None or len(found) > 1:
        chosen = await chosen_account(account)
        found = [user for user in found if user.account_id == chosen.id]
    if not found:
        raise BadInput(f"There is no user with the e-mail address {email}{'' if account is None else f' in the account {account}'}.")
    return found[0]
