"""Budgets of bytes for what running subscriptions keep: by connection, user and process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from app.graphql.execution.wire import GraphQLRequest, encode
from models.errors import Unavailable
from resolvers.operation.context import Caller

KEPT_BY_EACH = 2**14  # bytes: its task, its context and its place among the watchers
SHARED_DOCUMENT = 4_096  # characters of a document up to which subscriptions share its tree
TREE_BYTES = 64  # of the tree of a longer document, for each of its characters

FULL = "{whose} subscriptions keep as many bytes as they may: complete one first, or send shorter documents and variables."


@dataclass(frozen=True, slots=True)
class SubscriptionLimits:
    """How many bytes running subscriptions may keep."""

    connection: int = 2**23
    user: int = 7 * 2**25
    process: int = 2**28


class KeptBytes:
    """Bytes that are kept, and how many may be."""

    def __init__(self, most: int, whose: str) -> None:
        self.most = most
        self.used = 0
        self._whose = whose

    def require(self, size: int) -> None:
        """Raise `Unavailable` unless so many more bytes may be kept."""
        if self.used + size > self.most:
            raise Unavailable(FULL.format(whose=self._whose))


class SubscriptionBudgets:
    """The budgets of all subscriptions of a process."""

    def __init__(self, limits: SubscriptionLimits) -> None:
        self._limits = limits
        self._process = KeptBytes(limits.process, "The server's")
        self._users: WeakValueDictionary[int, KeptBytes] = WeakValueDictionary()

    @property
    def kept(self) -> int:
        """The bytes that are kept now."""
        return self._process.used

    def of_connection(self) -> KeptBytes:
        """The budget of a new connection."""
        return KeptBytes(self._limits.connection, "This connection's")

    @contextmanager
    def keeping(self, size: int, caller: Caller, connection: KeptBytes) -> Iterator[None]:
        """Keep so many bytes while the context is open. Raises `Unavailable` if there are too many."""
        user = self._users.setdefault(caller.user_id, KeptBytes(self._limits.user, "Your"))
        budgets = (connection, user, self._process)
        for budget in budgets:
            budget.require(size)
        for budget in budgets:
            budget.used += size
        try:
            yield
        finally:
            for budget in budgets:
                budget.used -= size


def kept_by(request: GraphQLRequest) -> int:
    """About how many bytes a subscription keeps: its document, its variables, and what each of them needs."""
    length = len(request.query)
    document = length if length <= SHARED_DOCUMENT else TREE_BYTES * length
    return KEPT_BY_EACH + document + len(encode(request.variables or {})) + len(request.operation_name or "")
