"""Which groups the watched contacts are in: read for all of them at once, when something may have changed and not too often.

Nothing is replayed here. What counts is the state: a contact that leaves a group and joins it again between two looks has
changed nothing, and a watcher always ends up with what is true.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from models import Group
from models.engine.database import UNREACHABLE, Database
from subscriptions.contacts.memberships import Found, Membership, Pair, departures, memberships
from subscriptions.wakeups.wakeup import Wakeup, WakeupQueue

LEAST_SECONDS = 0.25  # between two looks
ANSWER_SECONDS = 30.0  # of a database that is there: the groups of thousands of contacts are not read in a moment


@dataclass(slots=True)
class WatchedContact:
    """A watched contact: the groups that it is in, those that it left while it was watched, and whether it is gone."""

    contact_id: int
    account_id: int | None = None
    gone: bool = False
    present: dict[int, Membership] = field(default_factory=dict)
    left: dict[int, Membership] = field(default_factory=dict)
    wakeups: dict[Wakeup, None] = field(default_factory=dict)


class Contacts:
    """Follows the groups of watched contacts; without watchers it does nothing."""

    def __init__(
        self, database: Database, wakeup_queue: WakeupQueue, *, compare_seconds: float, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._database = database
        self._wakeup_queue = wakeup_queue
        self._compare_seconds = compare_seconds
        self._answer_seconds = answer_seconds
        self._watched: dict[int, WatchedContact] = {}
        self._hinted: set[int] | None = set()
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self.last_known: dict[int, Group] = {}
        """The groups that watched contacts are in or have left, as they were when they were first seen."""

    @property
    def topics(self) -> int:
        """How many contacts are watched."""
        return len(self._watched)

    @contextmanager
    def watching(self, contact_id: int, wakeup: Wakeup) -> Iterator[WatchedContact]:
        """Register a watcher of a contact for as long as the context is open; its wakeup rings at each change."""
        contact = self._watched.setdefault(contact_id, WatchedContact(contact_id))
        contact.wakeups[wakeup] = None
        try:
            yield contact
        finally:
            del contact.wakeups[wakeup]
            if not contact.wakeups:
                del self._watched[contact_id]
            if not self._watched:
                self.last_known.clear()

    def hint(self, group_ids: Set[int]) -> None:
        """Look soon at who is in these groups; without ids, in any."""
        if self._watched:
            self._hinted = self._hinted | group_ids if group_ids and self._hinted is not None else None
            self._wake.set()

    async def look(self, contact: WatchedContact) -> None:
        """Bring one contact up to date."""
        await self._look_at({contact.contact_id: contact}, None)

    async def follow(self) -> None:
        """Look when there is a hint, for good."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            hinted, self._hinted = self._hinted, set()
            try:
                await self._look_at(dict(self._watched), hinted)
            # Nothing may end the looking: when the database answers again, the next comparison catches up.
            except UNREACHABLE as error:
                structlog.get_logger().warning("hub cannot reach the database", reason=str(error))
            except Exception:
                structlog.get_logger().exception("hub could not read memberships")
            await asyncio.sleep(LEAST_SECONDS)

    async def compare(self) -> None:
        """Look at everything now and then, for good, because hints may be lost."""
        while True:
            await asyncio.sleep(self._compare_seconds)
            self.hint(frozenset())

    async def _look_at(self, contacts: Mapping[int, WatchedContact], group_ids: Set[int] | None) -> None:
        async with self._looking:
            with self._database.impatiently(self._answer_seconds):
                await self._look_in_turn(contacts, group_ids)

    async def _look_in_turn(self, contacts: Mapping[int, WatchedContact], group_ids: Set[int] | None) -> None:
        found = await memberships(self._database, contacts, group_ids)
        await self._learn(found.values())
        present = {number: self._present(contact, found.get(number), group_ids) for number, contact in contacts.items()}
        missing = {
            Pair(number, group_id): was
            for number, contact in contacts.items()
            for group_id, was in contact.present.items()
            if group_id not in present[number]
        }
        for pair, left in (await departures(self._database, missing)).items():
            contacts[pair.contact_id].left[pair.group_id] = left
        for number, contact in contacts.items():
            self._update(contact, found.get(number), present[number])

    async def _learn(self, found: Collection[Found]) -> None:
        unknown = {group_id for contact in found for group_id in contact.groups} - self.last_known.keys()
        if unknown:
            self.last_known |= {group.id: group for group in await Group.filter(id__in=unknown)}

    def _present(self, contact: WatchedContact, found: Found | None, group_ids: Set[int] | None) -> dict[int, Membership]:
        if found is None:
            return {}
        not_read = {} if group_ids is None else {number: known for number, known in contact.present.items() if number not in group_ids}
        # A group that was deleted just after the memberships were read is not known, and none of its members is left.
        return not_read | {number: read for number, read in found.groups.items() if number in self.last_known}

    def _update(self, contact: WatchedContact, found: Found | None, present: dict[int, Membership]) -> None:
        changed = contact.present != present or contact.gone != (found is None)
        contact.account_id = found.account_id if found else contact.account_id
        contact.gone = found is None
        contact.present = present
        if changed:
            self._wakeup_queue.wake(contact.wakeups)
