"""The order in which waiting work is served: fairly by account, then by token, by hierarchical start-time fair queueing.

See docs/decisions/0048-fair-shares.md for the sources. This module knows no event loop: the caller passes the present moment.
"""

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from models.engine.flows import Flow, Sharing


class WorkKey(NamedTuple):
    """Whose work something is: an account, and the token, user or job in it."""

    account: Hashable
    token: Hashable


class Turn:
    """A piece of work that waits, runs or has ended. The moments are in seconds of the caller's clock."""

    __slots__ = ("arrived", "is_started", "key", "started")

    def __init__(self, key: WorkKey) -> None:
        self.key = key
        self.arrived = self.started = 0.0
        self.is_started = False


class TokenFlow(Flow):
    """The turns of one token."""

    __slots__ = ("turns",)

    def __init__(self) -> None:
        super().__init__()
        self.turns: dict[Turn, None] = {}  # those that wait, in the order of their arrival


class AccountFlow(Flow):
    """The turns of one account, shared out among its tokens."""

    __slots__ = ("tokens",)

    def __init__(self) -> None:
        super().__init__()
        self.tokens: Sharing[TokenFlow] = Sharing()

    def waits_since(self) -> float:
        """The moment at which the turn that has waited longest arrived."""
        return min(next(iter(token.turns)).arrived for token in self.tokens.waiting.values())


class FairOrder:
    """Decides which turns run and which wait.

    Of at most `most_running` turns, an account starts another one only while fewer of its own run than are free. So one account
    never takes more than half, two take two thirds, and the next account finds room at once. Of at most `most_waiting` waiting turns,
    an account has half. Beyond that the newest turn of the longest queue is refused.
    """

    def __init__(self, most_running: int, most_waiting: int) -> None:
        self.most_running = most_running
        self.most_waiting = most_waiting
        self._most_waiting_of_one = (most_waiting + 1) // 2
        self._accounts: Sharing[AccountFlow] = Sharing()
        self.running = 0
        self.waiting = 0

    def arrive(self, turn: Turn, now: float) -> Turn | None:
        """Start a turn at once, which sets `started`, or let it wait. Returns the turn that is refused for it, perhaps itself."""
        turn.arrived = now
        account, token = self._flows(turn)
        if account.running < self.most_running - self.running:  # then none that could start is waiting
            self._start(turn, account, token, now=now)
            return None
        refused = self._refused_for(turn, account)
        if refused is not turn:
            self._accounts.wait(turn.key.account, account, now)
            account.tokens.wait(turn.key.token, token, now)
            token.turns[turn] = None
            self.waiting += 1
        if refused:
            self.leave(refused, now)
        return refused

    def leave(self, turn: Turn, now: float) -> None:
        """Take a turn that has not started out of the queue."""
        account, token = self._flows(turn)
        if turn in token.turns:
            self._stop_waiting(turn, account, token)
        self._discard(turn, account, token, now=now)

    def finish(self, turn: Turn, now: float) -> Iterable[Turn]:
        """End a running turn. Returns the turns that start in its place."""
        account, token = self._flows(turn)
        self.running -= 1
        account.finish(turn.started, now)
        token.finish(turn.started, now)
        self._discard(turn, account, token, now=now)
        return self._start_waiting(now) if self.waiting else ()

    def set_most_running(self, most: int, now: float) -> Iterable[Turn]:
        """Change how many turns run at once. Returns the turns that start because of it."""
        self.most_running = most
        return self._start_waiting(now)

    def longest_wait(self, key: WorkKey, now: float) -> float:
        """For how long the first waiting turn of the account has waited."""
        account = self._accounts.waiting.get(key.account)
        return now - account.waits_since() if account else 0.0

    @property
    def remembered(self) -> int:
        """How many accounts are remembered."""
        return len(self._accounts.flows)

    def _flows(self, turn: Turn) -> tuple[AccountFlow, TokenFlow]:
        account = self._accounts.flows.get(turn.key.account)
        if account is None:
            account = self._accounts.flows[turn.key.account] = AccountFlow()
        token = account.tokens.flows.get(turn.key.token)
        if token is None:
            token = account.tokens.flows[turn.key.token] = TokenFlow()
        return account, token

    def _start_waiting(self, now: float) -> list[Turn]:
        started: list[Turn] = []
        while account := self._accounts.next(now, self.most_running - self.running):
            token = account.tokens.next(now, self.most_running)
            if token is None:
                raise RuntimeError("an account that waits has a token that waits")
            turn = next(iter(token.turns))
            self._start(turn, account, token, now=now)
            self._stop_waiting(turn, account, token)
            started.append(turn)
        return started

    def _start(self, turn: Turn, account: AccountFlow, token: TokenFlow, *, now: float) -> None:
        self._accounts.start(account, now)
        account.tokens.start(token, now)
        self.running += 1
        turn.started, turn.is_started = now, True

    def _stop_waiting(self, turn: Turn, account: AccountFlow, token: TokenFlow) -> None:
        del token.turns[turn]
        account.tokens.leave(turn.key.token, token)
        self._accounts.leave(turn.key.account, account)
        self.waiting -= 1

    def _discard(self, turn: Turn, account: AccountFlow, token: TokenFlow, *, now: float) -> None:
        account.tokens.discard(turn.key.token, token, now)
        self._accounts.discard(turn.key.account, account, now)

    def _refused_for(self, turn: Turn, account: AccountFlow) -> Turn | None:
        """The turn that gives way if this one waits: the newest of the longest queue, perhaps this one itself."""
        if account.waiting >= self._most_waiting_of_one:
            longest = account
        elif self.waiting < self.most_waiting:
            return None
        else:
            longest = max(self._accounts.waiting.values(), key=lambda each: each.waiting, default=account)
            longest = account if account.waiting >= longest.waiting else longest
        token = max(longest.tokens.waiting.values(), key=lambda each: each.waiting, default=None)
        own = account.tokens.flows[turn.key.token]
        if token is None or (longest is account and own.waiting >= token.waiting):
            return turn
        return next(reversed(token.turns))
