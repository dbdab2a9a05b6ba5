"""Accounts from the command line: making one with its owner, finding one by name, and handing out access tokens."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models import Account, ChangeCause, Role, TokenScope, User
from models.errors import BadInput, ProblemCode, refuse
from models.ids import to_global_id
from models.text import fold
from resolvers.access import accounts, users
from resolvers.access.tokens import create_access_token
from resolvers.membership.change import Change
from resolvers.operation.context import Caller, Context, Services, system_context
from resolvers.operation.scope import Scope
from resolvers.values.validation import Problems, email, required_text, time_zone

MOST_LISTED = 10

_DAYS = re.compile(r"(\d{1,5})d", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be made."""

    name: str
    owner_email: str
    timezone: str = "UTC"


async def create_account(services: Services, new: NewAccount) -> Context:
    """Make an account whose name no other has, and return the context of its owner."""
    problems = Problems()
    name = problems.attempt(required_text, new.name, "NAME") or ""
    address = problems.attempt(lambda given: email(required_text(given)), new.owner_email, "--owner-email") or ""
    timezone = problems.attempt(lambda given: time_zone(required_text(given)), new.timezone, "--timezone")
    problems.raise_any()
    now: dict[str, Any] = {"created_at": services.wall_clock(), "updated_at": services.wall_clock()}
    person: dict[str, Any] = {"name": address.partition("@")[0], "email": address, "email_folded": fold(address), "role": Role.OWNER}
    async with services.database.transaction():
        if await accounts_named(name):
            raise refuse(ProblemCode.TAKEN, f"There is an account named {name} already. Choose another name.", "NAME")
        account = await Account.create(name=name.strip(), timezone=timezone, **now)
        owner = await User.create(account_id=account.id, **person, **now)
        await _record(services, account, owner)
    return as_user(services, owner)


async def _record(services: Services, account: Account, owner: User) -> None:
    """Begin the account's audit log; nobody in the account did what is in it so far."""
    context = system_context(services, account.id)
    change = Change(services.database, account.id, None, ChangeCause.RECORD_CREATED, services.wall_clock())
    await accounts.record_created(context, change, account)
    await users.record_created(context, change, owner)


def as_user(services: Services, user: User) -> Context:
    """A context in which a command acts for a user."""
    return Context(services, Caller(user.account_id, user.id, user.role, 0), Scope(user.account_id, user.id, user.role))


async def accounts_named(name: str) -> list[Account]:
    """The accounts with this name, whatever its case."""
    return [account for account in await Account.all().order_by("name", "id") if fold(account.name) == fold(name)]


async def chosen_account(name: str | None) -> Account:
    """The account with this name, or without a name the only one there is."""
    every = await Account.all().order_by("name", "id")
    if not every:
        raise BadInput("There is no account yet. Create one with `muster account create`.")
    found = every if name is None else await accounts_named(name)
    if len(found) == 1:
        return found[0]
    names = ", ".join(account.name for account in every[:MOST_LISTED])
    if name is None:
        raise BadInput(f"There are {len(every)} accounts. Choose one with --account, such as: {names}.")
    if found:
        raise BadInput(f"There are {len(found)} accounts named {name}. Give all but one another name first.")
    raise BadInput(f"There is no account named {name}. There is: {names}.")


async def accounts_to_verify(name: str | None) -> list[Account]:
    """The account with this name, or without a name all of them."""
    return [await chosen_account(name)] if name is not None else await Account.all().order_by("name", "id")


async def as_owner(services: Services, account: Account) -> Context:
    """A context in which a command acts for the account's owner, the first if there are several."""
    first, *_ = await User.filter(account_id=account.id, role=Role.OWNER).order_by("id")
    return as_user(services, first)


async def user_with_email(email: str, account: str | None) -> User:
    """The user with this e-mail address, who must be in one account only unless the account is named."""
    found = await User.filter(email_folded=fold(email)).order_by("id")
    if account is not None or len(found) > 1:
        chosen = await chosen_account(account)
        found = [user for user in found if user.account_id == chosen.id]
    if not found:
        raise BadInput(f"There is no user with the e-mail address {email}{'' if account is None else f' in the account {account}'}.")
    return found[0]


async def create_token(context: Context, name: str, *, expires: str | None = None, scopes: Sequence[TokenScope] | None = None) -> str:
    """Hand out a token for the context's user, in nobody's name, and return its secret, which cannot be read again."""
    account = await context.scope.account.get()
    expires_at = expires and expiry(expires, ZoneInfo(account.timezone), context.services.wall_clock())
    operator, user_id = system_context(context.services, account.id), to_global_id("User", context.caller.user_id)
    _, secret = await create_access_token(operator, name=name, user_id=user_id, expires_at=expires_at or None, scopes=scopes)
    return secret


def expiry(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment that `30d` or `2027-01-31` stands for: so many days from now, or the end of that day in the zone."""
    try:
        if days := _DAYS.fullmatch(text):
            return now + timedelta(days=int(days[1]))
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"--expires takes a day such as 2027-01-31 or a number of days such as 30d, not {text}.") from None
