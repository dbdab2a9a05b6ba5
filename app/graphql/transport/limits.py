"""The bounds of the transport, given by the composition root from its settings."""

from dataclasses import dataclass, field

from app.graphql.execution.answer_budgets import AnswerLimits
from app.graphql.execution.subscription_budgets import SubscriptionLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportLimits:
    """How much one client may send, keep open and leave unread."""

    body_bytes: int = 2**20
    message_bytes: int = 2**20
    init_seconds: float = 5.0
    """Time that the client of a new WebSocket has to authenticate."""
    ping_seconds: float = 20.0
    """Time between two pings. A WebSocket whose client owes two pongs is closed."""
    send_seconds: float = 30.0
    """Time that a client has to read so much that the next message can be sent."""
    connections: int = 10_000
    """WebSockets and event streams of this process together."""
    connections_of_one: int = 9_000
    """Those of one user: fewer than all, so that other users can always connect."""
    silent: int = 1_000
    """WebSockets of this process that have not signed in yet, beyond those."""
    operations: int = 100
    """Operations running at once on one WebSocket."""
    request_seconds: float = 30.0
    """Time that a query, a mutation or the answer to an event may take. Signing in has as much for itself."""
    running: int = 8
    """Queries and mutations running at once in this process."""
    waiting: int = 400
    """Queries and mutations waiting to run in this process."""
    origins: tuple[str, ...] = ()
    """Web origins besides the server's own whose pages may open a WebSocket."""
    queries_by_get: bool = False
    """Whether queries may also be sent in the address of a GET request."""
    answers: AnswerLimits = field(default_factory=AnswerLimits)
    """Bytes of answers that are put together or wait to be read."""
    subscriptions: SubscriptionLimits = field(default_factory=SubscriptionLimits)
    """Bytes that running subscriptions keep."""
