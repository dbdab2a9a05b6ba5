"""Budgets of bytes for answers, from their first value until their client has read them: by connection, user and process."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from app.graphql.execution.wire import Context
from models.errors import AnswersTooLarge, MusterError
from resolvers.operation.answer_bytes import AnswerBytes
from resolvers.operation.context import Caller


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How many bytes answers may hold at once."""

    answer: int = 2**24
    """One answer."""
    connection: int = 2**25
    """All answers of one WebSocket."""
    user: int = 2**26
    """All answers of one user."""
    process: int = 3 * 2**26
    """All answers of the process."""


class Budget:
    """Bytes that may be held at once. When there are more, the account that holds most of them loses its largest answers."""

    def __init__(self, most: int, *, spares_unread: bool = False) -> None:
        self.most = most
        self.used = 0
        self.holdings: set[Holding] = set()
        self._spares_unread = spares_unread

    def require(self) -> None:
        """Drop holdings until no more bytes are held than may be."""
        while self.used > self.most:
            self._next_to_go().drop()

    def _next_to_go(self) -> "Holding":
        by_account: Counter[int] = Counter()
        for holding in self.holdings:
            by_account[holding.account_id] += holding.size
        ((account_id, _),) = by_account.most_common(1)
        return max((each for each in self.holdings if each.account_id == account_id), key=self._rank)

    def _rank(self, holding: "Holding") -> tuple[bool, int]:
        return holding.is_unread and not self._spares_unread, holding.size


class Holding:
    """The bytes that one operation or one connection holds, within each of several budgets. It has to be closed."""

    def __init__(self, account_id: int, hang_up: Callable[[], None], budgets: tuple[Budget, ...]) -> None:
        self.account_id = account_id
        self.size = 0
        self.is_unread = False
        """Whether the answer is complete, and waits to be read by its client."""
        self.answer: AnswerBytes | None = None
        """The answer that is being put together, where it is one."""
        self._hang_up = hang_up
        self._budgets = budgets
        self.is_closed = False

    def reserve(self, size: int) -> MusterError | None:
        """Hold so many bytes for an answer that is being put together, or return why that is not possible."""
        self.is_unread = False
        self._resize(size)
        return AnswersTooLarge() if self.is_closed else None

    def wait_to_be_read(self, size: int) -> None:
        """Hold so many bytes until the client has read them. It is hung up on if others need them more."""
        self.is_unread = True
        self._resize(size)

    def release(self) -> None:
        """Give the bytes back."""
        self._resize(0)

    def close(self) -> None:
        """Give the bytes back, and hold nothing any more."""
        self._resize(0)
        self.is_closed = True

    def drop(self) -> None:
        """Give the bytes back, and end what they are held for: the connection, or the answer that is being put together."""
        self.close()
        if self.is_unread:
            self._hang_up()
        elif self.answer:
            self.answer.refusal = AnswersTooLarge()

    def _resize(self, size: int) -> None:
        if self.is_closed:
            return
        more, self.size = size - self.size, size
        for budget in self._budgets:
            budget.used += more
            (budget.holdings.add if size else budget.holdings.discard)(self)
        if more > 0:
            for budget in self._budgets:
                budget.require()


class AnswerBudgets:
    """The budgets of all answers of a process."""

    def __init__(self, limits: AnswerLimits) -> None:
        self.limits = limits
        self._process = Budget(limits.process)
        self._users: WeakValueDictionary[int, Budget] = WeakValueDictionary()

    @property
    def held(self) -> int:
        """The bytes that are held now."""
        return self._process.used

    def of_connection(self) -> Budget:
        """The budget of a new WebSocket. Where it is exceeded, the connection stays, and the largest new answer is refused."""
        return Budget(self.limits.connection, spares_unread=True)

    def holding(self, caller: Caller, hang_up: Callable[[], None], *within: Budget) -> Holding:
        """A new holding of a caller, which is empty. `hang_up` ends the connection that it is for."""
        user = self._users.setdefault(caller.user_id, Budget(self.limits.user))
        return Holding(caller.account_id, hang_up, (*within, user, self._process))

    def hold_answers(self, context: Context, hang_up: Callable[[], None], *within: Budget) -> Holding:
        """A holding for the answers of one operation, which are counted while they are put together."""
        holding = self.holding(context.caller, hang_up, *within)
        context.answer = holding.answer = AnswerBytes(self.limits.answer, holding.reserve)
        return holding
