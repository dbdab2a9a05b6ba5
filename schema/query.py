"""The queries on the data of the caller's account."""

from collections.abc import Sequence

import strawberry
from strawberry import ID
from tortoise.models import Model

import models
from resolvers.access import audit_log, tokens, users
from resolvers.authoring import explaining, preview, segment_fields
from resolvers.bulk import actions
from resolvers.criteria.evaluation.explain import Explanation as FoundExplanation
from resolvers.grouping import groups
from resolvers.operation import allowance
from resolvers.operation.context import Caller
from resolvers.reading.paging import Page, PageArguments
from resolvers.records import appointments, contacts, nodes
from resolvers.tagging import tags
from schema.arguments import document, plain
from schema.audit import AuditEntry, AuditFilter
from schema.builder import Explanation, Preview, SegmentField
from schema.bulk import BulkAction
from schema.conditions import TagRef
from schema.connections import Connection, Paged
from schema.criteria import AppointmentCriteria, ContactCriteria, CriteriaInput
from schema.fields import Info, field
from schema.inputs import ContactRef
from schema.nodes import Node
from schema.ordering import ContactOrder, order_of
from schema.people import AccessToken, RateLimit, User, Viewer
from schema.record_types import RecordType
from schema.types import Appointment, Contact, Group, Tag


@strawberry.type
class Query:
    """The root of queries."""

    @field(Viewer)
    @staticmethod
    def viewer(info: Info) -> Caller:
        return info.context.caller

    @field(RateLimit | None)
    @staticmethod
    async def rate_limit(info: Info) -> allowance.RateLimit | None:
        return await allowance.rate_limit(info.context.allowance)

    @field(Node | None)
    @staticmethod
    async def node(info: Info, id: ID) -> Model | None:
        return await nodes.node(info.context, id)

    @field(list[Node | None])
    @staticmethod
    async def nodes(info: Info, ids: list[ID]) -> Sequence[Model | None]:
        return await nodes.nodes(info.context, ids)

    @field(Contact | None)
    @staticmethod
    async def contact(info: Info, by: ContactRef) -> models.Contact | None:
        return await contacts.contact_by(info.context, plain(by))

    @field(Connection[Contact], Paged())
    @staticmethod
    async def contacts(
        info: Info,
        page: PageArguments,
        where: ContactCriteria | None = None,
        search: str | None = None,
        order_by: ContactOrder | None = None,
    ) -> Page[models.Contact]:
        return await contacts.contacts(info.context, where=document(where), search=search, order=order_of(order_by), page=page)

    @field(Appointment | None)
    @staticmethod
    async def appointment(info: Info, id: ID) -> models.Appointment | None:
        return await appointments.appointment(info.context, id)

    @field(Connection[Appointment], Paged())
    @staticmethod
    async def appointments(info: Info, page: PageArguments, where: AppointmentCriteria | None = None) -> Page[models.Appointment]:
        return await appointments.appointments(info.context, where=document(where), page=page)

    @field(Tag | None)
    @staticmethod
    async def tag(info: Info, by: TagRef) -> models.Tag | None:
        return await tags.tag_by(info.context, plain(by))

    @field(Connection[Tag], Paged())
    @staticmethod
    async def tags(info: Info, page: PageArguments, search: str | None = None) -> Page[models.Tag]:
        return await tags.tags(info.context, search=search, page=page)

    @field(Group | None)
    @staticmethod
    async def group(info: Info, id: ID) -> models.Group | None:
        return await groups.group(info.context, id)

    @field(Connection[Group], Paged())
    @staticmethod
    async def groups(
        info: Info, page: PageArguments, search: str | None = None, record_type: RecordType | None = None
    ) -> Page[models.Group]:
        return await groups.groups(info.context, search=search, record_type=record_type, page=page)

    @field(list[SegmentField])
    @staticmethod
    async def segment_fields(info: Info, record_type: RecordType = RecordType.CONTACT) -> Sequence[segment_fields.SegmentField]:
        return await segment_fields.segment_fields(info.context, record_type)

    @field(Preview)
    @staticmethod
    async def preview(info: Info, criteria: CriteriaInput, sample: int = 10) -> preview.Preview:
        return await preview.preview(info.context, criteria=document(criteria), sample=sample)

    @field(Explanation)
    @staticmethod
    async def explain(info: Info, record_id: ID, criteria: CriteriaInput | None = None, group_id: ID | None = None) -> FoundExplanation:
        return await explaining.explain(info.context, record_id=record_id, criteria=document(criteria), group_id=group_id)

    @field(BulkAction | None)
    @staticmethod
    async def bulk_action(info: Info, id: ID) -> models.BulkAction | None:
        return await actions.bulk_action(info.context, id)

    @field(Connection[BulkAction], Paged(backward=False))
    @staticmethod
    async def bulk_actions(info: Info, page: PageArguments) -> Page[models.BulkAction]:
        return await actions.bulk_actions(info.context, page)

    @field(list[User])
    @staticmethod
    async def users(info: Info) -> Sequence[models.User]:
        return await users.users(info.context)

    @field(list[AccessToken])
    @staticmethod
    async def access_tokens(info: Info) -> Sequence[models.AccessToken]:
        return await tokens.access_tokens(info.context)

    @field(Connection[AuditEntry], Paged(backward=False))
    @staticmethod
    async def audit_log(info: Info, page: PageArguments, where: AuditFilter | None = None) -> Page[models.AuditEntry]:
        return await audit_log.audit_log(info.context, plain(where), page)
