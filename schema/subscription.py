"""Watching: what clients are told as it happens."""

from collections.abc import AsyncIterator

import strawberry
from strawberry import ID

from resolvers import watching
from schema.changes import GroupChange, GroupCount
from schema.fields import Info, field
from subscriptions import messages
from subscriptions.messages import Message


@strawberry.type
class Subscription:
    """The root of subscriptions."""

    @field(GroupChange, subscription=True)
    @staticmethod
    def group_changes(info: Info, group_id: ID, after: str | None = None) -> AsyncIterator[Message]:
        return watching.group_changes(info.context, group_id, after)

    @field(GroupCount, subscription=True)
    @staticmethod
    def group_counts(info: Info, group_ids: list[ID]) -> AsyncIterator[messages.GroupCount]:
        return watching.group_counts(info.context, group_ids)
