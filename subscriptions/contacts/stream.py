"""The live stream of one contact's groups for one watcher: first the present ones, then every join and leave."""

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
    """The groups of a contact that the viewer may view.

    No message says that the viewer may no longer view a group: it would reveal a change that they may not know of.
    """

    contacts: WatchedContacts
    viewer: Viewer
    wall_clock: Callable[[], datetime]
    sent: set[int] = field(default_factory=set)
    wakeup: Wakeup = field(default_factory=Wakeup)

    async def follow(self, contact_id: int) -> AsyncIterator[ContactGroupChange]:
        """Yield joins and leaves until the contact is deleted.

        Raises `NotFound` for a contact that the viewer's account does not have.
        """
        with self.contacts.watching(contact_id, self.wakeup) as contact:
            await self.contacts.refresh(contact)
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
        left = [contact.left[number] for number in self.sent - contact.present.keys() if number in contact.left]
        for group in left:
            if self.viewer.may_view(group):
                yield self._change(contact, group, joined=False)
        for number in seen.keys() - self.sent:
            yield self._change(contact, seen[number], joined=True)
        self.sent = set(seen)

    def _change(self, contact: WatchedContact, group: Membership, *, joined: bool) -> ContactGroupChange:
        known = self.contacts.last_known[group.group_id]
        return ContactGroupChange(contact.id, group.group_id, joined, group.at or self.wall_clock(), known)
