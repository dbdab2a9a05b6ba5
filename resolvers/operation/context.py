"""The context of an operation: the services of this process, and the caller."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from models import Role
from models.engine.database import Database
from models.people import EVERY_SCOPE, Person, Scopes
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.record_types import RecordTypes
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.operation.allowance import Allowance
from resolvers.operation.answer_bytes import AnswerBytes
from resolvers.operation.last_uses import LastUses
from resolvers.operation.loaders import Loaders
from resolvers.operation.scope import Scope
from subscriptions.hub import Hub
from subscriptions.wakeups.wakeup import Wakeup

WallClock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How many nodes a connection returns by default, and at most."""

    default: int = 50
    largest: int = 250


@dataclass(frozen=True, slots=True)
class Services:
    """What all requests of a process share."""

    database: Database
    hub: Hub
    definitions: DefinitionsCache
    wall_clock: WallClock
    pages: PageLimits = field(default_factory=PageLimits)
    criteria: CriteriaLimits = field(default_factory=CriteriaLimits)
    heartbeat_seconds: float = 25.0
    evaluated_at_once: int = 10_000  # records for which a new definition may keep an account's writers waiting
    bulk_chunk: int = 10_000  # contacts of a bulk action in one write, at most: fewer where they take long
    last_uses: LastUses = field(default_factory=LastUses)
    bulk_started: Wakeup = field(default_factory=Wakeup)  # woken when a bulk action is there to be worked on

    @property
    def record_types(self) -> RecordTypes:
        """The table of the records that groups can be made of."""
        return self.definitions.record_types


@dataclass(frozen=True, slots=True)
class Caller:
    """The user and token behind an operation, and what they allow. Without a token, `token_id` is 0.

    Each of the people must be allowed to view or edit a group: the user, and the creator of the token if it is somebody else. The role is
    the lowest of theirs. Without people, it is the user alone. Two equal callers may do the same. Long-lived connections end when signing
    in would no longer give an equal caller.
    """

    account_id: int
    user_id: int
    role: Role
    token_id: int
    scopes: Scopes = EVERY_SCOPE
    expires_at: datetime | None = None
    people: tuple[Person, ...] = ()

    def __post_init__(self) -> None:
        if not self.people:
            object.__setattr__(self, "people", (Person(self.user_id, self.role),))

    @property
    def token_maker_id(self) -> int | None:
        """The user who created the token, if that was somebody else."""
        return next((person.user_id for person in self.people if person.user_id != self.user_id), None)


@dataclass(slots=True)
class Context:
    """One operation of one caller, with caches that live no longer than it."""

    services: Services
    caller: Caller
    scope: Scope
    allowance: Allowance | None = None
    """What the operation is paid from; None if nothing is limited."""
    answer: AnswerBytes = field(default_factory=AnswerBytes)
    """The bytes of its answer. Without a transport nothing bounds them."""
    _loaders: Loaders | None = field(init=False, default=None)

    @property
    def loaders(self) -> Loaders:
        """The caches of this operation, created when something is first read."""
        if self._loaders is None:
            self._loaders = Loaders(self.scope, self.services.database, self.services.record_types)
        return self._loaders

    def forget(self) -> None:
        """Drop everything read so far, so that what follows a write or an event sees the present."""
        self._loaders = None

    def stop_reading(self) -> None:
        """Cancel what is being read for this operation, whose client has gone."""
        if self._loaders is not None:
            self._loaders.stop()

    @property
    def token_id(self) -> int:
        """The id of the token that this operation runs on."""
        return self.caller.token_id


def system_context(services: Services, account_id: int) -> Context:
    """Return a context in which Muster itself acts in an account."""
    return Context(services, Caller(account_id, 0, Role.OWNER, 0), Scope(account_id, 0, Role.OWNER))
