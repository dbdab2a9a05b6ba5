"""The types of contacts, appointments, tags and groups, in one module because they refer to each other."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
from strawberry import ID, Parent

import models
from resolvers.access import users
from resolvers.criteria.diagnostics.diagnose import Diagnostic
from resolvers.grouping import groups, members, permissions, watching
from resolvers.reading.paging import Page, PageArguments
from resolvers.records import appointments, contacts
from resolvers.tagging import taggings, tags
from schema.connections import Connection, Paged
from schema.diagnostics import CriteriaDiagnostic
from schema.fields import Info, field
from schema.members import MemberConnection
from schema.nodes import Node, Record
from schema.ordering import MemberOrder, order_of
from schema.people import User
from schema.permissions import GroupPermission
from schema.record_types import RecordType
from schema.scalars import JSON, Criteria

strawberry.enum(models.GroupState)


@strawberry.type
class Tag(Node):
    """A label of contacts."""

    name: str
    description: str | None
    color: str | None
    created_at: datetime
    updated_at: datetime

    @strawberry.field
    @staticmethod
    async def contact_count(tag: Parent[models.Tag], info: Info) -> int:
        return await tags.contact_count(info.context, tag)

    @field(Connection["Contact"], Paged())
    @staticmethod
    async def contacts(tag: Parent[models.Tag], info: Info, page: PageArguments) -> Page[models.Contact]:
        return await tags.contacts_of(info.context, tag, page)

    @field(list["Group"])
    @staticmethod
    async def used_by(tag: Parent[models.Tag], info: Info) -> Sequence[models.Group]:
        return await tags.used_by(info.context, tag)


@strawberry.type
class Tagging:
    """A tag of a contact."""

    tagged_at: datetime

    @field(Tag)
    @staticmethod
    async def tag(tagging: Parent[models.Tagging], info: Info) -> models.Tag | None:
        return await info.context.loaders.tags_by_id.load(tagging.tag_id)

    @field(User | None)
    @staticmethod
    async def tagged_by(tagging: Parent[models.Tagging], info: Info) -> models.User | None:
        return await users.user(info.context, tagging.tagged_by_id)


@strawberry.type
class Contact(Record):
    """A person or company."""

    email: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    company: str | None
    job_title: str | None
    address: str | None
    city: str | None
    state: str | None
    country: str | None
    postal_code: str | None
    timezone: str | None
    website: str | None
    source: str | None
    status: str | None
    score: int | None
    spent: Decimal | None
    birthday: date | None
    last_activity_at: datetime | None

    @field(User | None)
    @staticmethod
    async def owner(contact: Parent[models.Contact], info: Info) -> models.User | None:
        return await users.user(info.context, contact.owner_id)

    @field(JSON)
    @staticmethod
    async def custom_fields(contact: Parent[models.Contact], info: Info) -> dict[str, Any]:
        return await contacts.custom_fields_of(info.context, contact)

    @field(list[Tag])
    @staticmethod
    async def tags(contact: Parent[models.Contact], info: Info) -> Sequence[models.Tag]:
        return await taggings.tags_of(info.context, contact)

    @field(list[Tagging])
    @staticmethod
    async def taggings(contact: Parent[models.Contact], info: Info) -> Sequence[models.Tagging]:
        return await taggings.taggings_of(info.context, contact)

    @field(Connection["Group"], Paged(backward=False))
    @staticmethod
    async def groups(contact: Parent[models.Contact], info: Info, page: PageArguments) -> Page[models.Group]:
        return await groups.groups_of(info.context, contact, page)

    @field(Connection["Appointment"], Paged(backward=False))
    @staticmethod
    async def appointments(contact: Parent[models.Contact], info: Info, page: PageArguments) -> Page[models.Appointment]:
        return await appointments.appointments_of(info.context, contact, page)


@strawberry.type
class Appointment(Record):
    """A meeting with a contact."""

    title: str
    location: str | None
    status: models.AppointmentStatus
    starts_at: datetime
    ends_at: datetime | None

    @field(Contact)
    @staticmethod
    async def contact(appointment: Parent[models.Appointment], info: Info) -> models.Contact | None:
        return await info.context.loaders.contacts_by_id.load(appointment.contact_id)


@strawberry.type
class Group(Node):
    """A saved search that is always up to date."""

    name: str
    record_type: RecordType
    criteria: Criteria
    state: models.GroupState
    member_count: int
    version: int
    created_at: datetime
    updated_at: datetime

    @strawberry.field
    @staticmethod
    async def criteria_text(group: Parent[models.Group], info: Info) -> str:
        return await groups.criteria_text(info.context, group)

    @field(list[CriteriaDiagnostic])
    @staticmethod
    async def diagnostics(group: Parent[models.Group], info: Info) -> Sequence[Diagnostic]:
        return await groups.diagnostics(info.context, group)

    @field(User | None)
    @staticmethod
    async def owner(group: Parent[models.Group], info: Info) -> models.User | None:
        return await users.user(info.context, group.owner_id)

    @field(GroupPermission)
    @staticmethod
    def permission(group: Parent[models.Group]) -> models.Group:
        return group

    @strawberry.field
    @staticmethod
    def viewer_can_edit(group: Parent[models.Group], info: Info) -> bool:
        return permissions.viewer_can_edit(info.context, group)

    @strawberry.field
    @staticmethod
    def cursor(group: Parent[models.Group]) -> str:
        return watching.cursor(group)

    @field(MemberConnection, Paged())
    @staticmethod
    async def members(
        group: Parent[models.Group], info: Info, page: PageArguments, order_by: MemberOrder | None = None, search: str | None = None
    ) -> Page[Any]:
        return await members.members(info.context, group, order=order_of(order_by), search=search, page=page)

    @strawberry.field
    @staticmethod
    async def is_member(group: Parent[models.Group], info: Info, record_id: ID) -> bool:
        return await members.is_member(info.context, group, record_id)
