"""What tests of the inner rooms start from: services on the test's database, a clock that the test drives, and callers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from models import AccessToken, Account, Role, User
from models.engine.database import Database
from models.errors import ProblemCode, Refused
from models.ids import to_global_id
from models.text import fold
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.membership.candidates.definitions import Definitions
from resolvers.membership.clock import start
from resolvers.operation.context import Caller, Context, Services
from resolvers.operation.scope import Scope
from subscriptions.bus import Bus, LocalBus
from subscriptions.hub import Hub

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

_numbers = count(1)


class DrivenClock:
    """A wall clock that moves only when the test says so."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)


@asynccontextmanager
async def running_services(
    database: Database, clock: DrivenClock, *, bus: Bus | None = None, judged_at_once: int = 10_000
) -> AsyncIterator[Services]:
    """The services of one process, which looks for lost hints every few milliseconds."""
    await start(database, clock())
    hub = Hub(database, bus or LocalBus(), compare_seconds=0.02)
    async with hub.running():
        yield Services(database, hub, Definitions(CriteriaLimits()), clock, heartbeat_seconds=0.1, judged_at_once=judged_at_once)


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


def problems(raised: pytest.ExceptionInfo[Refused]) -> list[tuple[ProblemCode, tuple[str, ...]]]:
    """What is wrong and where."""
    return [(problem.code, problem.path) for problem in raised.value.problems]
