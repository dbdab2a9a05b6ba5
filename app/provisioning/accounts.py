"""Creates accounts with their owners, and finds accounts by name."""

from dataclasses import dataclass
from typing import Any

from models import Account, ChangeCause, Role, User
from models.errors import BadInput, ProblemCode, refuse
from models.text import fold
from resolvers.access import accounts, users
from resolvers.membership.change import Change
from resolvers.operation.context import Caller, Context, Services, system_context
from resolvers.operation.scope import Scope
from resolvers.values.validation import Problems, email, required_text, time_zone

MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to create."""

    name: str
    owner_email: str
    timezone: str = "UTC"


async def create_account(services: Services, new: NewAccount) -> Context:
    """Create an account with its owner, and return a context that acts as the owner.

    Raises `Refused` if a value is invalid or another account has the same name.
    """
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
        await _write_audit_log(services, account, owner)
    return as_user(services, owner)


async def _write_audit_log(services: Services, account: Account, owner: User) -> None:
    """Write the first entries of the account's audit log, without an actor."""
    context = system_context(services, account.id)
    change = Change(services.database, account.id, None, ChangeCause.RECORD_CREATED, services.wall_clock())
    await accounts.record_created(context, change, account)
    await users.record_created(context, change, owner)


def as_user(services: Services, user: User) -> Context:
    """Return a context in which a command acts as this user."""
    return Context(services, Caller(user.account_id, user.id, user.role, 0), Scope(user.account_id, user.id, user.role))


async def as_owner(services: Services, account: Account) -> Context:
    """Return a context in which a command acts as the account's owner, the first if there are several."""
    first, *_ = await User.filter(account_id=account.id, role=Role.OWNER).order_by("id")
    return as_user(services, first)


async def accounts_named(name: str) -> list[Account]:
    """Find the accounts with this name, ignoring case."""
    return [account for account in await Account.all().order_by("name", "id") if fold(account.name) == fold(name)]


async def chosen_account(name: str | None) -> Account:
    """Find the account with this name, or the only account if no name is given."""
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
    """Find the account with this name, or all accounts if no name is given."""
    return [await chosen_account(name)] if name is not None else await Account.all().order_by("name", "id")
