"""The groups of one contact for one watcher: those that it is in, at once, and then whenever it joins or leaves one."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from models.errors import NotFound
from subscriptions.contacts.memberships import Membership
from subscriptions.contacts.watched import WatchedContact, WatchedContacts
from subscriptions.messages import ContactGroupChange
from subscriptions.viewer import Viewer
from subscriptions.wakeups.wakeup import Wakeup


@dataclass(slots=True)
class ContactStream:
    """One watcher's view of a contact's groups, as far as the viewer may know of them.

    A group that they may no longer view is forgotten without a word: a message about it would tell what they may not know.
    """

    contacts: WatchedContacts
    viewer: Viewer
    wall_clock: Callable[[], datetime]
    told: set[int] = field(default_factory=set)
    wakeup: Wakeup = field(default_factory=Wakeup)

    async def follow(self, contact_id: int) -> AsyncIterator[ContactGroupChange]:
        """Joins and leaves until the contact is deleted; raises `NotFound` for one that the viewer's account does not have."""
        with self.contacts.watching(contact_id, self.wakeup) as contact:
            await self.contacts.look(contact)
            self._require(contact)
            while True:
                self.wakeup.clear()
                for change in sorted(self._changes(contact), key=lambda change: change.occurred_at):
                    yield change
                if contact.gone:
                    return
                await self.wakeup.wait()

    def _require(self, contact: WatchedContact) -> None:
        if contact.gone or contact.account_id != self.viewer.account_id:
            raise NotFound("There is no such contact.")

    def _changes(self, contact: WatchedContact) -> Iterator[ContactGroupChange]:
        seen = {number: group for number, group in contact.present.items() if self.viewer.may_view(group)}
        left = [contact.left[number] for number in self.told - contact.present.keys() if number in contact.left]
        for group in left:
            if self.viewer.may_view(group):
                yield self._change(contact, group, joined=False)
        for number in seen.keys() - self.told:
            yield self._change(contact, seen[number], joined=True)
        self.told = set(seen)

    def _change(self, contact: WatchedContact, group: Membership, *, joined: bool) -> ContactGroupChange:
        known = self.contacts.last_known[group.group_id]
        return ContactGroupChange(contact.id, group.group_id, joined, group.at or self.wall_clock(), known)
