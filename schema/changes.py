"""What watchers of a group are told: the types of the live messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from graphql import GraphQLResolveInfo
from strawberry import ID, Parent

import models
from resolvers import nodes
from schema.fields import Info, field
from schema.types import Group, Record
from subscriptions import messages

strawberry.enum(models.ChangeCause)
strawberry.enum(messages.ResetReason)


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
    async def group(message: Parent[messages.MembersChanged], info: Info) -> models.Group | None:
        return await info.context.loaders.groups_by_id.load(message.group_id)

    @field(list[ID])
    @staticmethod
    def joined_ids(message: Parent[messages.MembersChanged]) -> Sequence[str]:
        return nodes.record_ids(message.record_type, message.joined_ids)

    @field(list[ID])
    @staticmethod
    def left_ids(message: Parent[messages.MembersChanged]) -> Sequence[str]:
        return nodes.record_ids(message.record_type, message.left_ids)

    @field(list[Record])
    @staticmethod
    async def joined(message: Parent[messages.MembersChanged], info: Info) -> Sequence[models.Contact | models.Appointment]:
        return await nodes.records(info.context, message.record_type, message.joined_ids)


@strawberry.type
class GroupReset:
    """The watcher has to read the members anew."""

    cursor: str
    member_count: int
    reason: messages.ResetReason

    @classmethod
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(message, messages.GroupReset)

    @field(Group | None)
    @staticmethod
    async def group(message: Parent[messages.GroupReset], info: Info) -> models.Group | None:
        return await info.context.loaders.groups_by_id.load(message.group_id or 0)


@strawberry.type
class GroupDefinitionChanged:
    """The group's criteria changed."""

    cursor: str

    @classmethod
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(message, messages.DefinitionChanged)

    @field(Group)
    @staticmethod
    async def group(message: Parent[messages.DefinitionChanged], info: Info) -> models.Group | None:
        return await info.context.loaders.groups_by_id.load(message.group_id)


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
    async def group(count: Parent[messages.GroupCount], info: Info) -> models.Group | None:
        return await info.context.loaders.groups_by_id.load(count.group_id)
