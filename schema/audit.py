"""The types of the audit log."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET, Parent

import models
from models.ids import to_global_id
from resolvers.access import users
from schema.fields import Info, field
from schema.nodes import Node
from schema.people import User
from schema.scalars import JSON

strawberry.enum(models.AuditAction)


@strawberry.input
class AuditFilter:
    """A filter of audit entries."""

    actor_id: ID | None = UNSET
    actions: list[models.AuditAction] | None = UNSET
    subject_id: ID | None = UNSET
    since: datetime | None = UNSET
    until: datetime | None = UNSET


@strawberry.type
class AuditEntry(Node):
    """One change."""

    occurred_at: datetime
    action: models.AuditAction
    subject_name: str | None
    before: JSON | None
    after: JSON | None

    @strawberry.field
    @staticmethod
    def subject_id(entry: Parent[models.AuditEntry]) -> ID:
        return ID(entry.subject)

    @field(User | None)
    @staticmethod
    async def actor(entry: Parent[models.AuditEntry], info: Info) -> models.User | None:
        return await users.user(info.context, entry.actor_id)

    @strawberry.field
    @staticmethod
    def access_token_id(entry: Parent[models.AuditEntry]) -> ID | None:
        return None if entry.token_id is None else ID(to_global_id("AccessToken", entry.token_id))

    @field(User | None)
    @staticmethod
    async def access_token_created_by(entry: Parent[models.AuditEntry], info: Info) -> models.User | None:
        return await users.user(info.context, entry.token_maker_id)
