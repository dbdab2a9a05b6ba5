"""What every kind of bulk change can do, and what doing it comes to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from resolvers.bulk.needs import Need
from resolvers.membership.change import Change

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many contacts changed, and what it takes to undo that; an undo `kept` contacts of which something has changed since."""

    changed: int
    kept: int = 0
    inverse: Document | None = None


class BulkChange(Protocol):
    """One change that can be made to any contact, and taken back from those to whom it was made."""

    @property
    def needs(self) -> Collection[Need]:
        """What must exist for it to be carried out."""

    def document(self) -> Document:
        """The form in which it is stored."""

    async def carry_out(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Change these contacts, which are locked; what stays the same is not touched."""

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Bring back what one chunk changed, wherever it still is as that chunk left it."""
