"""What a client knows of its own writes: those that were acknowledged must be there, one without an answer may be."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.torture.fleet import Fleet

S = TypeVar("S")


@dataclass(frozen=True)
class Order(Generic[S]):
    """A write, and what there is when it is done."""

    mutation: str
    variables: dict[str, Any]
    after: S


class Ledger(Generic[S]):
    """The state that a client alone writes to."""

    def __init__(self, nothing: S) -> None:
        self.known = nothing
        self.acknowledged = 0
        self.doubts = 0
        self._possible: S | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether the latest write may or may not have been carried out."""
        return self._possible is not None

    async def carry_out(self, fleet: Fleet, order: Order[S]) -> dict[str, Any] | None:
        """Give the order. Returns its payload, or None where no answer came."""
        self._possible = order.after
        data = await fleet.ask(order.mutation, **order.variables)
        if data is None:
            self.doubts += 1
            return None
        (payload,) = data.values()
        assert payload["userErrors"] == [], payload
        self.acknowledged += 1
        self.known, self._possible = order.after, None
        return dict(payload)

    def settle(self, found: S) -> None:
        """Compare with what is really there: what was acknowledged, and what is in doubt wholly or not at all."""
        assert found in (self.known, self._possible), f"found {found}, known was {self.known}, in doubt {self._possible}"
        self.known, self._possible = found, None
