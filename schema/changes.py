"""The types of messages that subscriptions send."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from graphql import GraphQLResolveInfo
from strawberry import ID, Parent
from tortoise.models import Model

import models
from models.ids import to_global_id
from resolvers.grouping import watching
from resolvers.records import nodes
from schema.fields import Info, field
from schema.nodes import Record
from schema.types import Group
from subscriptions import messages

strawberry.enum(models.ChangeCause)
strawberry.enum(messages.ResetReason)

# Fields with a resolver whose answer is the same for all users of an account who receive a message.
# Any other field with a resolver makes the answer personal, so that it is executed for each user.
SAME_FOR_ALL = frozenset(
    {
        *(f"{name}.id" for name in ("Appointment", "Contact", "Group", "Node", "Record", "Tag", "User")),
        *("MembersChanged.group", "MembersChanged.joined", "MembersChanged.joinedIds", "MembersChanged.leftIds"),
        *("GroupReset.group", "GroupDefinitionChanged.group", "GroupCount.group", "Group.cursor", "Group.owner"),
        *("ContactGroupChange.contactId", "ContactGroupChange.group"),
        *("Contact.owner", "Contact.customFields", "Contact.tags", "Contact.taggings", "Tagging.tag", "Tagging.taggedBy"),
        "Appointment.contact",
    }
)


@strawberry.type
class MembersChanged:
    """Records joined or left."""

    cursor: str
    from_version: int
    to_version: int
    member_count: int
    cause: models.ChangeCause
    occurred_at: datetime

    @classmethod
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(message, messages.MembersChanged)

    @field(Group)
    @staticmethod
    async def group(message: Parent[messages.MembersChanged], info: Info) -> models.Group:
        return await watching.group_of(info.context, message.group_id)

    @field(list[ID])
    @staticmethod
    def joined_ids(message: Parent[messages.MembersChanged], info: Info) -> Sequence[str]:
        return nodes.record_ids(info.context, message.record_type, message.joined_ids)

    @field(list[ID])
    @staticmethod
    def left_ids(message: Parent[messages.MembersChanged], info: Info) -> Sequence[str]:
        return nodes.record_ids(info.context, message.record_type, message.left_ids)

    @field(list[Record])
    @staticmethod
    async def joined(message: Parent[messages.MembersChanged], info: Info) -> Sequence[Model]:
        return await nodes.records(info.context, message.record_type, message.joined_ids)


@strawberry.type
class GroupReset:
    """The subscriber has to read the members again."""

    cursor: str
    member_count: int
    reason: messages.ResetReason

    @classmethod
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(message, messages.GroupReset)

    @field(Group | None)
    @staticmethod
    async def group(message: Parent[messages.GroupReset], info: Info) -> models.Group | None:
        return await watching.group_of(info.context, message.group_id) if message.group_id else None


@strawberry.type
class GroupDefinitionChanged:
    """The group's criteria changed."""

    cursor: str

    @classmethod
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(message, messages.DefinitionChanged)

    @field(Group)
    @staticmethod
    async def group(message: Parent[messages.DefinitionChanged], info: Info) -> models.Group:
        return await watching.group_of(info.context, message.group_id)


@strawberry.type
class GroupHeartbeat:
    """Nothing has changed."""

    cursor: str
    version: int
    member_count: int

    @classmethod
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(message, messages.Heartbeat)


GroupChange = Annotated[MembersChanged | GroupReset | GroupDefinitionChanged | GroupHeartbeat, strawberry.union("GroupChange")]


@strawberry.type
class GroupCount:
    """How many members a group has."""

    member_count: int
    version: int

    @classmethod
    def is_type_of(cls, count: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(count, messages.GroupCount)

    @field(Group)
    @staticmethod
    async def group(count: Parent[messages.GroupCount], info: Info) -> models.Group:
        return await watching.group_of(info.context, count.group_id)


@strawberry.type
class ContactGroupChange:
    """A contact joined or left a group."""

    joined: bool
    occurred_at: datetime

    @classmethod
    def is_type_of(cls, change: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(change, messages.ContactGroupChange)

    @field(ID)
    @staticmethod
    def contact_id(change: Parent[messages.ContactGroupChange]) -> str:
        return to_global_id("Contact", change.contact_id)

    @field(Group)
    @staticmethod
    async def group(change: Parent[messages.ContactGroupChange], info: Info) -> models.Group:
        return await watching.group_left_or_joined(info.context, change)
