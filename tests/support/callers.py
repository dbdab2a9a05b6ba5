"""Accounts and users of a test, and the contexts in which they call resolvers."""

from itertools import count

from models import AccessToken, Account, Role, User
from models.ids import to_global_id
from models.text import fold
from resolvers.operation.context import Caller, Context, Services
from resolvers.operation.scope import Scope

_numbers = count(1)


async def new_account(services: Services, *, timezone: str = "UTC") -> Context:
    """A new account, and a context for its owner."""
    at = services.wall_clock()
    account = await Account.create(name=f"Account {next(_numbers)}", timezone=timezone, created_at=at, updated_at=at)
    return await new_user(services, account.id, Role.OWNER)


async def new_user(services: Services, account_id: int, role: Role) -> Context:
    """A context for a new user of an account."""
    at, email = services.wall_clock(), f"user{next(_numbers)}@example.com"
    user = await User.create(
        account_id=account_id, name=email, email=email, email_folded=fold(email), role=role, created_at=at, updated_at=at
    )
    return Context(services, Caller(account_id, user.id, role, 0), Scope(account_id, user.id, role))


async def with_role(owner: Context, role: Role) -> Context:
    """A context for a new user of the same account."""
    return await new_user(owner.services, owner.caller.account_id, role)


def user_id(context: Context) -> str:
    """The id of the caller as clients know it."""
    return to_global_id("User", context.caller.user_id)


def token_id(token: AccessToken) -> str:
    """The id of a token as clients know it."""
    return to_global_id("AccessToken", token.id)
