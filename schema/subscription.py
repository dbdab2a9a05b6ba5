"""The subscriptions."""

from collections.abc import AsyncIterable, AsyncIterator

import strawberry
from strawberry import ID

import models
from resolvers.bulk import actions
from resolvers.grouping import watching
from schema.bulk import BulkAction
from schema.changes import ContactGroupChange, GroupChange, GroupCount
from schema.fields import Info, field
from subscriptions import messages
from subscriptions.messages import Message


@strawberry.type
class Subscription:
    """The root of subscriptions."""

    @field(GroupChange, subscription=True)
    @staticmethod
    def group_changes(info: Info, group_id: ID, after: str | None = None) -> AsyncIterable[Message]:
        return watching.group_changes(info.context, group_id, after)

    @field(GroupCount, subscription=True)
    @staticmethod
    def group_counts(info: Info, group_ids: list[ID]) -> AsyncIterator[messages.GroupCount]:
        return watching.group_counts(info.context, group_ids)

    @field(ContactGroupChange, subscription=True)
    @staticmethod
    def contact_group_changes(info: Info, contact_id: ID) -> AsyncIterator[messages.ContactGroupChange]:
        return watching.contact_group_changes(info.context, contact_id)

    @field(BulkAction, subscription=True)
    @staticmethod
    def bulk_action_progress(info: Info, id: ID) -> AsyncIterator[models.BulkAction]:
        return actions.progress(info.context, id)
