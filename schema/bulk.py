"""The inputs and types of bulk actions."""

from collections.abc import Sequence
from datetime import datetime

import strawberry
from strawberry import ID, UNSET, Parent

import models
from resolvers.access import users
from resolvers.bulk import actions, preview, summary
from schema.conditions import TagRef
from schema.criteria import ContactCriteria
from schema.fields import Info, field
from schema.inputs import ContactFields
from schema.nodes import Node
from schema.people import User
from schema.types import Group

strawberry.enum(models.BulkActionState)


@strawberry.input(one_of=True)
class BulkTarget:
    """The contacts that a bulk action changes."""

    group_id: ID | None = UNSET
    contact_ids: list[ID] | None = UNSET
    where: ContactCriteria | None = UNSET


@strawberry.input
class TagChange:
    """Tags to add and to remove."""

    add: list[TagRef] | None = UNSET
    remove: list[TagRef] | None = UNSET
    create_missing: bool = False


@strawberry.input(one_of=True)
class BulkChange:
    """The change that a bulk action makes to each contact."""

    tags: TagChange | None = UNSET
    fields: ContactFields | None = UNSET
    delete: bool | None = UNSET


@strawberry.input
class StartBulkActionInput:
    """A new bulk action."""

    target: BulkTarget
    change: BulkChange
    dry_run: bool = False
    idempotency_key: str | None = UNSET


@strawberry.type
class BulkAction(Node):
    """One change of many contacts."""

    state: models.BulkActionState
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None

    @strawberry.field
    @staticmethod
    async def total(action: Parent[models.BulkAction], info: Info) -> int | None:
        return await actions.shown_count(info.context, action, action.total)

    @strawberry.field
    @staticmethod
    async def processed(action: Parent[models.BulkAction], info: Info) -> int | None:
        return await actions.shown_count(info.context, action, action.processed)

    @strawberry.field
    @staticmethod
    async def changed(action: Parent[models.BulkAction], info: Info) -> int | None:
        return await actions.shown_count(info.context, action, action.changed)

    @strawberry.field
    @staticmethod
    async def summary(action: Parent[models.BulkAction], info: Info) -> str:
        return await summary.summary(info.context, action)

    @field(User | None)
    @staticmethod
    async def started_by(action: Parent[models.BulkAction], info: Info) -> models.User | None:
        return await users.user(info.context, action.started_by_id)

    @field("BulkAction | None")
    @staticmethod
    async def undoes(action: Parent[models.BulkAction], info: Info) -> models.BulkAction | None:
        return await actions.undoes(info.context, action)

    @field("BulkAction | None")
    @staticmethod
    async def undone_by(action: Parent[models.BulkAction], info: Info) -> models.BulkAction | None:
        return await actions.undone_by(info.context, action)


@strawberry.type
class GroupEffect:
    """The effect of a bulk action on a group."""

    joins: int
    leaves: int

    @field(Group)
    @staticmethod
    def group(effect: Parent[preview.GroupEffect]) -> models.Group:
        return effect.group


@strawberry.type
class BulkPreview:
    """What a bulk action would do."""

    total: int
    changed: int

    @field(list[GroupEffect])
    @staticmethod
    def groups(outcome: Parent[preview.BulkPreview]) -> Sequence[preview.GroupEffect]:
        return outcome.groups
