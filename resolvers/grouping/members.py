"""Members of a group, read from the stored membership without evaluating criteria."""

from collections.abc import Sequence
from typing import Any

from tortoise.expressions import Subquery
from tortoise.queryset import QuerySet

from models import Group, GroupMember
from models.ids import number_of
from models.orm.keyset import Order
from resolvers.criteria.language.record_types import CONTACT
from resolvers.operation.context import Context
from resolvers.reading import paging
from resolvers.reading.paging import Edge, Page, PageArguments
from resolvers.reading.search import search_contacts

COLUMNS = {"ID": None, "JOINED_AT": "joined_at"}


async def members(context: Context, group: Group, *, order: tuple[str, str] | None, search: str | None, page: PageArguments) -> Page[Any]:
    """Return a page of the group's records. The search is that of contacts, also for the records that they own."""
    column, direction = order or ("ID", "ASC")
    by = Order(f"members {group.id} {column}", COLUMNS[column], tie="record_id", descending=direction == "DESC")
    rows = await paging.page(_members(context, group, search), page, order=by, limits=context.services.pages)
    records = await _records(context, group, [edge.node.record_id for edge in rows.edges])
    # A record that was deleted between the two reads is left out.
    return rows.with_edges(
        [
            Edge(edge.cursor, record, {"joined_at": edge.node.joined_at})
            for edge, record in zip(rows.edges, records, strict=True)
            if record is not None
        ]
    )


def _members(context: Context, group: Group, search: str | None) -> QuerySet[GroupMember]:
    found = context.scope.group_members.filter(set_id=group.members_id)
    if not search:
        return found
    contacts = search_contacts(context, search)
    record_type = context.services.record_types.named(group.record_type)
    if record_type is CONTACT:
        return found.filter(record_id__in=Subquery(contacts.values("id")))
    owned = context.scope.records(record_type).filter(contact_id__in=Subquery(contacts.values("id")))
    return found.filter(record_id__in=Subquery(owned.values("id")))


async def _records(context: Context, group: Group, ids: Sequence[int]) -> Sequence[Any]:
    return await context.loaders.records_by_id(context.services.record_types.named(group.record_type)).load_many(ids)


async def is_member(context: Context, group: Group, record_id: str) -> bool:
    """Whether the record is in the group now. False for an id of another type."""
    number = number_of(record_id, context.services.record_types.named(group.record_type).type_name)
    return number is not None and await context.scope.group_members.filter(set_id=group.members_id, record_id=number).exists()
