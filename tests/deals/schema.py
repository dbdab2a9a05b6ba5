"""The GraphQL classes of deals, and the fields that they add to the product's."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry import ID, UNSET, Parent

from models import Contact as StoredContact
from models.errors import Problem
from resolvers.reading.paging import Page, PageArguments
from schema.arguments import changes, document
from schema.conditions import DateTimeCondition, NumberCondition, TextCondition
from schema.connections import Connection, Paged
from schema.criteria import ContactCriteria, CriteriaInput
from schema.fields import Info, field
from schema.mutation import Mutation, mutation
from schema.nodes import Record
from schema.payloads import DeletePayload, UserError
from schema.query import Query
from schema.types import Contact
from tests.deals import models, records


@strawberry.type
class Deal(Record):
    title: str
    amount: Decimal | None
    closes_at: datetime | None

    @field(Contact)
    @staticmethod
    async def contact(deal: Parent[models.Deal], info: Info) -> StoredContact | None:
        return await info.context.loaders.contacts_by_id.load(deal.contact_id)


@strawberry.input(one_of=True)
class DealCriteria:
    all: "list[DealCriteria] | None" = UNSET
    any: "list[DealCriteria] | None" = UNSET
    not_: "DealCriteria | None" = strawberry.field(name="not", default=UNSET)
    title: TextCondition | None = UNSET
    amount: NumberCondition | None = UNSET
    closes_at: DateTimeCondition | None = UNSET
    created_at: DateTimeCondition | None = UNSET
    updated_at: DateTimeCondition | None = UNSET
    contact: ContactCriteria | None = UNSET


@strawberry.input
class DealCount:
    count: int
    where: DealCriteria | None = UNSET


@strawberry.input(one_of=True)
class DealRelation:
    some: DealCriteria | None = UNSET
    none: DealCriteria | None = UNSET
    at_least: DealCount | None = UNSET


@strawberry.input
class CriteriaAboutDeals:
    deals: DealCriteria | None = UNSET


@strawberry.input
class ConditionsOnDeals:
    deals: DealRelation | None = UNSET


@strawberry.input
class CreateDealInput:
    contact_id: ID
    title: str
    amount: Decimal | None = UNSET
    closes_at: datetime | None = UNSET


@strawberry.input
class UpdateDealInput:
    id: ID
    title: str | None = UNSET
    amount: Decimal | None = UNSET
    closes_at: datetime | None = UNSET


@strawberry.type
class DealPayload:
    deal: models.Deal | None = strawberry.field(graphql_type=Deal | None, default=None)
    user_errors: Sequence[Problem] = strawberry.field(graphql_type=list[UserError], default=())


@strawberry.type
class DealQueries:
    @field(Connection[Deal], Paged())
    @staticmethod
    async def deals(info: Info, page: PageArguments, where: DealCriteria | None = None) -> Page[models.Deal]:
        return await records.deals(info.context, document(where), page)


@strawberry.type
class DealMutations:
    @mutation
    @staticmethod
    async def create_deal(info: Info, input: CreateDealInput) -> DealPayload:
        return DealPayload(deal=await records.create_deal(info.context, input.contact_id, changes(input)))

    @mutation
    @staticmethod
    async def update_deal(info: Info, input: UpdateDealInput) -> DealPayload:
        return DealPayload(deal=await records.update_deal(info.context, input.id, changes(input)))

    @mutation
    @staticmethod
    async def delete_deal(info: Info, id: ID) -> DeletePayload:
        return DeletePayload(deleted_id=await records.delete_deal(info.context, id))


ADDED_FIELDS: dict[type, type] = {
    Query: DealQueries,
    Mutation: DealMutations,
    CriteriaInput: CriteriaAboutDeals,
    ContactCriteria: ConditionsOnDeals,
}
