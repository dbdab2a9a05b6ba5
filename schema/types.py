"""The object types, all in one room because they name one another; what stands behind each is a model."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from graphql import GraphQLAbstractType, GraphQLResolveInfo
from strawberry import ID, Parent

import models
from models.audience import Audience as StoredAudience
from models.errors import Problem, ProblemCode
from models.ids import to_global_id
from resolvers import accounts, appointments, contacts, groups, members, nodes, permissions, taggings, tags, users
from resolvers.context import Caller
from resolvers.criteria.diagnose import Diagnostic, DiagnosticCode
from resolvers.paging import Edge, Page, PageArguments
from schema.arguments import Info
from schema.connections import Connection, Paged, PageInfo
from schema.inputs import MemberOrder, order_of
from schema.operators import operators_of
from schema.scalars import JSON, Criteria
from subscriptions import messages

for enumeration in (models.ChangeCause, models.FieldType, models.GroupState, models.RecordType, models.Role, messages.ResetReason):
    strawberry.enum(enumeration)
strawberry.enum(ProblemCode, name="UserErrorCode")
strawberry.enum(DiagnosticCode)


@strawberry.interface
class Node:
    """Anything with a global id; the types are named like the models behind them."""

    @classmethod
    def is_type_of(cls, row: object, _info: GraphQLResolveInfo) -> bool:
        return type(row).__name__ == cls.__name__

    @classmethod
    def resolve_type(cls, row: object, _info: GraphQLResolveInfo, _type: GraphQLAbstractType) -> str:
        return type(row).__name__

    @strawberry.field
    @staticmethod
    def id(row: Parent[Any]) -> ID:
        return ID(to_global_id(type(row).__name__, row.id))


@strawberry.interface
class Record(Node):
    """What groups are made of."""

    created_at: datetime
    updated_at: datetime


@strawberry.type
class Account(Node):
    """A tenant."""

    name: str
    timezone: str


@strawberry.type
class User(Node):
    """A person in an account."""

    name: str
    email: str
    role: models.Role


@strawberry.type
class Viewer:
    """Who is asking."""

    role: models.Role

    @strawberry.field(graphql_type=Account)
    @staticmethod
    async def account(caller: Parent[Caller], info: Info) -> models.Account:
        return await accounts.account(info.context)

    @strawberry.field(graphql_type=User)
    @staticmethod
    async def user(caller: Parent[Caller], info: Info) -> models.User | None:
        return await users.user(info.context, caller.user_id)


@strawberry.type
class AccessToken(Node):
    """What a program signs in with."""

    name: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    @strawberry.field(graphql_type=User)
    @staticmethod
    async def user(token: Parent[models.AccessToken], info: Info) -> models.User | None:
        return await users.user(info.context, token.user_id)


@strawberry.type
class Tag(Node):
    """A label on contacts."""

    name: str
    description: str | None
    color: str | None
    created_at: datetime
    updated_at: datetime

    @strawberry.field
    @staticmethod
    async def contact_count(tag: Parent[models.Tag], info: Info) -> int:
        return await tags.contact_count(info.context, tag)

    @strawberry.field(graphql_type="Connection[Contact]", extensions=[Paged()])
    @staticmethod
    async def contacts(tag: Parent[models.Tag], info: Info, page: PageArguments) -> Page[models.Contact]:
        return await tags.contacts_of(info.context, tag, page)

    @strawberry.field(graphql_type="list[Group]")
    @staticmethod
    async def used_by(tag: Parent[models.Tag], info: Info) -> Sequence[models.Group]:
        return await tags.used_by(info.context, tag)


@strawberry.type
class Tagging:
    """That a contact carries a tag."""

    tagged_at: datetime

    @strawberry.field(graphql_type=Tag)
    @staticmethod
    async def tag(tagging: Parent[models.Tagging], info: Info) -> models.Tag | None:
        return await info.context.loaders.tags_by_id.load(tagging.tag_id)

    @strawberry.field(graphql_type=User | None)
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

    @strawberry.field(graphql_type=User | None)
    @staticmethod
    async def owner(contact: Parent[models.Contact], info: Info) -> models.User | None:
        return await users.user(info.context, contact.owner_id)

    @strawberry.field(graphql_type=JSON)
    @staticmethod
    async def custom_fields(contact: Parent[models.Contact], info: Info) -> dict[str, Any]:
        return await contacts.custom_fields_of(info.context, contact)

    @strawberry.field(graphql_type=list[Tag])
    @staticmethod
    async def tags(contact: Parent[models.Contact], info: Info) -> Sequence[models.Tag]:
        return await taggings.tags_of(info.context, contact)

    @strawberry.field(graphql_type=list[Tagging])
    @staticmethod
    async def taggings(contact: Parent[models.Contact], info: Info) -> Sequence[models.Tagging]:
        return await taggings.taggings_of(info.context, contact)

    @strawberry.field(graphql_type="Connection[Group]", extensions=[Paged(backward=False)])
    @staticmethod
    async def groups(contact: Parent[models.Contact], info: Info, page: PageArguments) -> Page[models.Group]:
        return await groups.groups_of(info.context, contact, page)

    @strawberry.field(graphql_type="Connection[Appointment]", extensions=[Paged(backward=False)])
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

    @strawberry.field(graphql_type=Contact)
    @staticmethod
    async def contact(appointment: Parent[models.Appointment], info: Info) -> models.Contact | None:
        return await info.context.loaders.contacts_by_id.load(appointment.contact_id)


@strawberry.type
class Audience:
    """Who belongs to the people that may do something."""

    everyone: bool
    only_owner: bool
    roles: list[models.Role]

    @strawberry.field(graphql_type=list[User])
    @staticmethod
    async def users(audience: Parent[StoredAudience], info: Info) -> Sequence[models.User]:
        return await users.users_among(info.context, audience.user_ids)


@strawberry.type
class GroupPermission:
    """Who may view and edit a group."""

    @strawberry.field(graphql_type=Audience)
    @staticmethod
    def view(group: Parent[models.Group]) -> StoredAudience:
        return groups.audience_of(group, "view")

    @strawberry.field(graphql_type=Audience)
    @staticmethod
    def edit(group: Parent[models.Group]) -> StoredAudience:
        return groups.audience_of(group, "edit")


@strawberry.type
class CriteriaDiagnostic:
    """Something that the author of criteria should know."""

    code: DiagnosticCode
    path: list[str]
    message: str


@strawberry.type
class MemberEdge:
    """A member and its place."""

    cursor: str
    node: Record

    @strawberry.field
    @staticmethod
    def joined_at(edge: Parent[Edge[Any]]) -> datetime:
        return edge.extra["joined_at"]


@strawberry.type
class MemberConnection:
    """A page of a group's members."""

    edges: list[MemberEdge]
    nodes: list[Record]

    @strawberry.field(graphql_type=PageInfo)
    @staticmethod
    def page_info(page: Parent[Page[Any]]) -> Page[Any]:
        return page

    @strawberry.field
    @staticmethod
    async def total_count(page: Parent[Page[Any]]) -> int:
        return await page.total_count()


@strawberry.type
class Group(Node):
    """A saved search that stays true."""

    name: str
    record_type: models.RecordType
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

    @strawberry.field(graphql_type=list[CriteriaDiagnostic])
    @staticmethod
    async def diagnostics(group: Parent[models.Group], info: Info) -> Sequence[Diagnostic]:
        return await groups.diagnostics(info.context, group)

    @strawberry.field(graphql_type=User | None)
    @staticmethod
    async def owner(group: Parent[models.Group], info: Info) -> models.User | None:
        return await users.user(info.context, group.owner_id)

    @strawberry.field(graphql_type=GroupPermission)
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
        return groups.cursor(group)

    @strawberry.field(graphql_type=MemberConnection, extensions=[Paged()])
    @staticmethod
    async def members(
        group: Parent[models.Group], info: Info, page: PageArguments, order_by: MemberOrder | None = None, search: str | None = None
    ) -> Page[Any]:
        return await members.members(info.context, group, order=order_of(order_by), search=search, page=page)

    @strawberry.field
    @staticmethod
    async def is_member(group: Parent[models.Group], info: Info, record_id: ID) -> bool:
        return await members.is_member(info.context, group, record_id)


@strawberry.type
class SegmentField:
    """A field that conditions can use."""

    key: str
    label: str
    type: models.FieldType
    choices: list[str] | None

    @strawberry.field
    @staticmethod
    def operators(field: Parent[models.CustomField]) -> list[str]:
        return operators_of(field.type)

    @strawberry.field
    @staticmethod
    def is_custom() -> bool:
        return True


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
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo) -> bool:
        return isinstance(message, messages.MembersChanged)

    @strawberry.field(graphql_type=Group)
    @staticmethod
    async def group(message: Parent[messages.MembersChanged], info: Info) -> models.Group | None:
        return await info.context.loaders.groups_by_id.load(message.group_id)

    @strawberry.field
    @staticmethod
    def joined_ids(message: Parent[messages.MembersChanged]) -> list[ID]:
        return nodes.record_ids(message.record_type, message.joined_ids)

    @strawberry.field
    @staticmethod
    def left_ids(message: Parent[messages.MembersChanged]) -> list[ID]:
        return nodes.record_ids(message.record_type, message.left_ids)

    @strawberry.field(graphql_type=list[Record])
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
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo) -> bool:
        return isinstance(message, messages.GroupReset)

    @strawberry.field(graphql_type=Group | None)
    @staticmethod
    async def group(message: Parent[messages.GroupReset], info: Info) -> models.Group | None:
        return await info.context.loaders.groups_by_id.load(message.group_id or 0)


@strawberry.type
class GroupDefinitionChanged:
    """The group's criteria changed."""

    cursor: str

    @classmethod
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo) -> bool:
        return isinstance(message, messages.DefinitionChanged)

    @strawberry.field(graphql_type=Group)
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
    def is_type_of(cls, message: object, _info: GraphQLResolveInfo) -> bool:
        return isinstance(message, messages.Heartbeat)


GroupChange = Annotated[MembersChanged | GroupReset | GroupDefinitionChanged | GroupHeartbeat, strawberry.union("GroupChange")]
