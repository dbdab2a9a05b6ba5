"""On whose behalf groups are watched."""

from dataclasses import dataclass

from models import Role
from models.audience import read_audience
from subscriptions.log import Head


@dataclass(frozen=True, slots=True)
class Viewer:
    """A user of an account, with the role that they signed in with."""

    account_id: int
    user_id: int
    role: Role

    def may_view(self, head: Head) -> bool:
        """Whether the group exists for this user."""
        return head.account_id == self.account_id and (
            head.owner_id == self.user_id or read_audience(head.view).includes(self.user_id, self.role)
        )
