"""Deals as records: their row in the table of record types, and how they are created, changed and deleted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models import ChangeCause, FieldType
from models.ids import to_global_id
from models.orm.keyset import Order
from models.text import fold
from resolvers.access.roles import require_editor
from resolvers.criteria.language.fields import CREATED, UPDATED, Family, RecordField, by_key, instant_field, text_field
from resolvers.criteria.language.mentions import Mention, existence
from resolvers.criteria.language.record_types import RecordType
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, unknown
from resolvers.reading import paging
from resolvers.reading.criteria_input import matching
from resolvers.reading.paging import Page, PageArguments
from resolvers.values.validation import Check, Problems, camel, decimal, instant, required_text
from resolvers.write import write
from tests.deals.models import Deal

DEAL = RecordType(
    name="DEAL",
    key="deals",
    noun="deal",
    table="deals",
    model=Deal,
    fields=by_key(
        replace(text_field("title", "title"), required=True),
        RecordField("amount", "amount", "Amount", Family.NUMBER, FieldType.PRICE),
        instant_field("closesAt", "closes_at", "Closes", ("closes", "does not close")),
        CREATED,
        UPDATED,
    ),
)
CHECKS: dict[str, Check] = {"title": required_text, "amount": decimal, "closes_at": instant}


async def deals(context: Context, where: Mapping[str, Any] | None, page: PageArguments) -> Page[Deal]:
    found = await matching(context, DEAL.key, where=where, among=context.scope.records(DEAL))
    return await paging.page(found, page, order=Order("deals"), limits=context.services.pages)


async def create_deal(context: Context, contact_id: str, values: Mapping[str, Any]) -> Deal:
    require_editor(context)
    number, checked = id_of(contact_id, "Contact", "contact"), _checked({"title": None, **values})

    async def work(change: Change) -> Deal:
        if not await change.lock_contacts([number]):
            raise unknown("contact")
        change.note_created(DEAL, number)
        return await Deal.create(**checked, account_id=change.account_id, contact_id=number, created_at=change.at, updated_at=change.at)

    return await write(context, ChangeCause.RECORD_CREATED, work)


async def update_deal(context: Context, deal_id: str, values: Mapping[str, Any]) -> Deal:
    require_editor(context)
    number, checked = id_of(deal_id, "Deal", "deal"), _checked(values)

    async def work(change: Change) -> None:
        found = await _locked(context, change, number)
        await context.scope.records(DEAL).filter(id=number).update(**checked, updated_at=change.at)
        change.touch(found.contact_id, *(Mention(DEAL.noun, column) for column in (*checked, "updated_at")))

    await write(context, ChangeCause.RECORD_CHANGED, work)
    found: Deal = await context.scope.records(DEAL).get(id=number)
    return found


async def delete_deal(context: Context, deal_id: str) -> str:
    require_editor(context)
    number = id_of(deal_id, "Deal", "deal")

    async def work(change: Change) -> None:
        found = await _locked(context, change, number)
        await found.delete()
        change.note_deleted(DEAL, number)
        change.touch(found.contact_id, existence(DEAL))

    await write(context, ChangeCause.RECORD_DELETED, work)
    return to_global_id("Deal", number)


async def _locked(context: Context, change: Change, deal_id: int) -> Deal:
    found: Deal | None = await context.scope.records(DEAL).get_or_none(id=deal_id)
    if found:
        await change.lock_contacts([found.contact_id])
        found = await context.scope.records(DEAL).get_or_none(id=deal_id)
    if found is None:
        raise unknown("deal")
    return found


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    problems = Problems()
    values: dict[str, Any] = {name: problems.attempt(CHECKS[name], value, "input", camel(name)) for name, value in given.items()}
    problems.raise_any()
    return values | ({"title_folded": fold(values["title"])} if "title" in values else {})
