"""The user who watches, and which groups they may view."""

from dataclasses import dataclass
from typing import Protocol

from models import Role
from models.audience import Audience


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
    """A user of an account, with the role that they signed in with."""

    account_id: int
    user_id: int
    role: Role

    def may_view(self, group: Guarded) -> bool:
        """Whether the group exists for this user."""
        return group.account_id == self.account_id and (group.owner_id == self.user_id or group.audience.includes(self.user_id, self.role))
