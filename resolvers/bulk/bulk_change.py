"""What every kind of bulk change can do, and what applying it to a chunk of contacts comes to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from resolvers.bulk.needs import Need
from resolvers.membership.change import Change

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many contacts a chunk changed, and its inverse: what it takes to undo that.

    An undo `kept` contacts of which something stays as it is, because it has changed since or is gone.
    """

    changed: int
    kept: int = 0
    inverse: Document | None = None


class BulkChange(Protocol):
    """A change that can be applied to any contacts, and reverted for those that it changed."""

    @property
    def needs(self) -> Collection[Need]:
        """What must exist when it is applied."""

    def document(self) -> Document:
        """The form in which it is stored."""

    async def apply(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Change these contacts, which are locked. Contacts that stay the same are not touched."""

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Restore what one chunk changed, where it has not changed again since."""
