"""What a resolver is given: the services of this process, and on whose behalf it acts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from models import Role
from models.database import Database
from resolvers.criteria.limits import CriteriaLimits
from resolvers.loaders import Loaders
from resolvers.membership.definitions import Definitions
from resolvers.scope import Scope
from subscriptions.bells import Bell
from subscriptions.hub import Hub

WallClock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How many nodes a connection returns when not told, and at most."""

    default: int = 50
    largest: int = 250


@dataclass(frozen=True, slots=True)
class Services:
    """What all requests of a process share."""

    database: Database
    hub: Hub
    definitions: Definitions
    wall_clock: WallClock
    pages: PageLimits = field(default_factory=PageLimits)
    criteria: CriteriaLimits = field(default_factory=CriteriaLimits)
    heartbeat_seconds: float = 25.0
    judged_at_once: int = 10_000  # records for which a new definition may keep an account's writers waiting
    bulk_chunk: int = 1_000  # contacts of a bulk action in one write, which keeps them locked for some tenths of a second
    bulk_started: Bell = field(default_factory=Bell)  # rings when there is a bulk action to be worked on


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a user of an account, signed in with a token (0 for the command line)."""

    account_id: int
    user_id: int
    role: Role
    token_id: int


@dataclass(slots=True)
class Context:
    """One operation of one caller, with caches that live no longer than it."""

    services: Services
    caller: Caller
    scope: Scope
    _loaders: Loaders | None = field(init=False, default=None)

    @property
    def loaders(self) -> Loaders:
        """The caches of this operation; there are none until something is read."""
        if self._loaders is None:
            self._loaders = Loaders(self.scope, self.services.database)
        return self._loaders

    def forget(self) -> None:
        """Drop everything read so far, so that what follows a write or an event sees the present."""
        self._loaders = None

    @property
    def token_id(self) -> int:
        """The token that this operation runs on."""
        return self.caller.token_id
