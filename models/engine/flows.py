"""Start-time fair queueing: flows that share something scarce, ordered by the service that each has received.

See docs/decisions/0048-fair-shares.md for the sources.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

SWEPT_FROM = 64  # flows, above which idle ones are looked for


class Flow:
    """The service that an account or token has received, in seconds of all its turns together."""

    __slots__ = ("_starts", "_tag", "running", "waiting")

    def __init__(self) -> None:
        self.running = self.waiting = 0
        self._tag = 0.0  # the service of turns that have ended
        self._starts = 0.0  # the sum of the moments at which the running turns have started

    @property
    def is_idle(self) -> bool:
        """Whether no turn waits or runs."""
        return not self.running and not self.waiting

    def served(self, now: float) -> float:
        """The service until now. It grows by itself while turns run, so nobody has to guess what a turn will cost."""
        return self._tag + self.running * now - self._starts

    def set_served(self, service: float, now: float) -> None:
        """Set the service until now."""
        self._tag += service - self.served(now)

    def start(self, now: float) -> None:
        """Note that a turn starts."""
        self.running += 1
        self._starts += now

    def finish(self, started: float, now: float) -> None:
        """Note that a turn ends."""
        self.running -= 1
        self._tag += now - started
        self._starts = self._starts - started if self.running else 0.0


F = TypeVar("F", bound=Flow)


class Sharing(Generic[F]):
    """Flows that share something, with the virtual time by which they are ordered.

    While no flow waits, nothing is scarce: when the first one waits, all begin anew with equal service. So what was used while
    nobody else wanted it is not held against a flow.
    """

    def __init__(self) -> None:
        self.flows: dict[Hashable, F] = {}
        self.waiting: dict[Hashable, F] = {}
        self._virtual = 0.0
        self._swept_from = SWEPT_FROM

    def wait(self, key: Hashable, flow: F, now: float) -> None:
        """Note that another turn of the flow waits."""
        if not self.waiting:
            self._begin(now)
        if not flow.waiting:
            self._drop_credit(flow, now)
            self.waiting[key] = flow
        flow.waiting += 1

    def leave(self, key: Hashable, flow: F) -> None:
        """Note that a turn of the flow waits no more."""
        flow.waiting -= 1
        if not flow.waiting:
            del self.waiting[key]
            if not self.waiting:
                self._sweep()

    def start(self, flow: F, now: float) -> None:
        """Note that a turn of the flow starts."""
        if self.waiting:
            if not flow.waiting:
                self._drop_credit(flow, now)
            self._virtual = max(self._virtual, flow.served(now))
        flow.start(now)

    def discard(self, key: Hashable, flow: F, now: float) -> None:
        """Forget an idle flow, unless it has received more than the others while some wait."""
        if flow.is_idle and (not self.waiting or flow.served(now) <= self._virtual):
            self.flows.pop(key, None)
        elif len(self.flows) > self._swept_from:
            self._sweep(now)

    def next(self, now: float, most_running: float) -> F | None:
        """The waiting flow with the least service among those with fewer running turns than this."""
        # All are compared, because the service of those that run grows at different rates, and only few flows wait at once.
        eligible = [flow for flow in self.waiting.values() if flow.running < most_running]
        return min(eligible, key=lambda flow: flow.served(now)) if eligible else None

    def _begin(self, now: float) -> None:
        self._virtual = 0.0
        for flow in self.flows.values():
            flow.set_served(0.0, now)

    def _drop_credit(self, flow: F, now: float) -> None:
        """Raise the service of a flow that has not used its share to that of the flow that was served last."""
        if flow.served(now) < self._virtual:
            flow.set_served(self._virtual, now)

    def _sweep(self, now: float | None = None) -> None:
        """Forget idle flows: all of them, or those that have not received more than the others."""
        kept = {key: flow for key, flow in self.flows.items() if not flow.is_idle or (now is not None and flow.served(now) > self._virtual)}
        self.flows = kept
        self._swept_from = max(SWEPT_FROM, 2 * len(kept))
