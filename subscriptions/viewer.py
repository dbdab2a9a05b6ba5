"""On whose behalf groups are watched."""

from dataclasses import dataclass
from typing import Protocol

from models import Role
from models.audience import Audience


class Guarded(Protocol):
    """What only some people may see."""

    @property
    def account_id(self) -> int:
        """The account that it belongs to."""

    @property
    def owner_id(self) -> int | None:
        """The user whose it is."""

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
