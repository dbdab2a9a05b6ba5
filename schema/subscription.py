"""Watching: what clients are told as it happens."""

from collections.abc import AsyncIterator

import strawberry
from strawberry import ID

from resolvers import watching
from schema.changes import GroupChange
from schema.fields import Info, field
from subscriptions.messages import Message


@strawberry.type
class Subscription:
    """The root of subscriptions."""

    @field(GroupChange, subscription=True)
    @staticmethod
    def group_changes(info: Info, group_id: ID, after: str | None = None) -> AsyncIterator[Message]:
        return watching.group_changes(info.context, group_id, after)
