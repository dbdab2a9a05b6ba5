"""The user who watches, and which groups they may view."""

from dataclasses import dataclass
from typing import Protocol

from models.audience import Audience
from models.people import Person


class Guarded(Protocol):
    """Something that only some users of an account may view."""

    @property
    def account_id(self) -> int:
        """The account that it belongs to."""

    @property
    def owner_id(self) -> int | None:
        """The user who owns it."""

    @property
    def audience(self) -> Audience:
        """Who else may view it."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The people of an account who watch as one: a user, and the creator of their access token if it is somebody else."""

    account_id: int
    people: tuple[Person, ...]

    def may_view(self, group: Guarded) -> bool:
        """Whether the group exists for all of them."""
        return group.account_id == self.account_id and group.audience.permits(group.owner_id, self.people)
