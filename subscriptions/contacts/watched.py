"""Watched contacts: which groups each is in, read for all of them at once.

Nothing is replayed here. What counts is the state: a contact that leaves a group and joins it again between two reads has
changed nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field

from models import Group
from models.engine.database import Database
from subscriptions.contacts.memberships import Found, Membership, Pair, departures, memberships
from subscriptions.topics import Pace, Topic, Topics
from subscriptions.wakeups.wakeup import Wakeable, WakeupQueue

LEAST_SECONDS = 0.25  # between two reads upon hints
ANSWER_SECONDS = 30.0  # of a database that is there: the groups of thousands of contacts are not read in a moment


@dataclass(slots=True, eq=False)
class WatchedContact(Topic):
    """A watched contact: the groups that it is in, those that it left while it was watched, and whether it is deleted."""

    account_id: int | None = None
    gone: bool = False
    present: dict[int, Membership] = field(default_factory=dict)
    left: dict[int, Membership] = field(default_factory=dict)


class WatchedContacts(Topics[WatchedContact]):
    """Follows the groups of the watched contacts. Its hints are ids of groups: any contact may have joined or left them."""

    def __init__(
        self, database: Database, wakeup_queue: WakeupQueue, *, compare_seconds: float, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        super().__init__(database, wakeup_queue, Pace(compare=compare_seconds, least=LEAST_SECONDS, answer=answer_seconds))
        self.last_known: dict[int, Group] = {}
        """The groups that watched contacts are in or have left, as they were when they were first seen."""

    def create(self, topic_id: int) -> WatchedContact:
        """A contact of which nothing is known yet."""
        return WatchedContact(topic_id)

    @contextmanager
    def watching(self, topic_id: int, wakeup: Wakeable) -> Iterator[WatchedContact]:
        """Register a watcher as for any topic."""
        try:
            with super().watching(topic_id, wakeup) as contact:
                yield contact
        finally:
            if not self._watched:
                self.last_known.clear()

    def topics_for(self, hints: Set[int] | None) -> Sequence[WatchedContact]:
        """All contacts, whatever groups the hints are about."""
        return [*self._watched.values()]

    async def read(self, topics: Sequence[WatchedContact], hints: Set[int] | None) -> None:
        """Bring the contacts up to date: with all groups, or only with the hinted ones."""
        contacts = {contact.id: contact for contact in topics}
        found = await memberships(self.database, contacts, hints)
        await self._learn(found.values())
        present = {contact.id: self._present(contact, found.get(contact.id), hints) for contact in topics}
        await self._note_departures(contacts, present)
        for contact in topics:
            self._update(contact, found.get(contact.id), present[contact.id])

    async def _note_departures(self, contacts: Mapping[int, WatchedContact], present: Mapping[int, dict[int, Membership]]) -> None:
        missing = {
            Pair(number, group_id): was
            for number, contact in contacts.items()
            for group_id, was in contact.present.items()
            if group_id not in present[number]
        }
        for pair, left in (await departures(self.database, missing)).items():
            contacts[pair.contact_id].left[pair.group_id] = left

    async def _learn(self, found: Collection[Found]) -> None:
        unknown = {group_id for contact in found for group_id in contact.groups} - self.last_known.keys()
        if unknown:
            self.last_known |= {group.id: group for group in await Group.filter(id__in=unknown)}

    def _present(self, contact: WatchedContact, found: Found | None, hints: Set[int] | None) -> dict[int, Membership]:
        if found is None:
            return {}
        not_read = {} if hints is None else {number: known for number, known in contact.present.items() if number not in hints}
        # A group that was deleted just after the memberships were read is not known, and none of its members is left.
        return not_read | {number: read for number, read in found.groups.items() if number in self.last_known}

    def _update(self, contact: WatchedContact, found: Found | None, present: dict[int, Membership]) -> None:
        changed = contact.present != present or contact.gone != (found is None)
        contact.account_id = found.account_id if found else contact.account_id
        contact.gone = found is None
        contact.present = present
        if changed:
            self.notify(contact)
