"""Criteria with more lists than one statement can count: the first records for which they hold are found all the same."""

import asyncio
from typing import Any

from models import FieldType
from models.ids import to_global_id
from resolvers.authoring.preview import preview, sample
from resolvers.criteria.querying.query import criteria_lists
from resolvers.operation.context import Context
from resolvers.reading.criteria_input import now, read_new
from resolvers.reading.paging import PageArguments
from resolvers.records.contacts import contacts, create_contact
from resolvers.records.fields import create_custom_field

DEADLINE = 60.0  # PostgreSQL, left to itself, would look for the best order of joins for as long again and again
CHOICES = [f"choice {number}" for number in range(8)]


async def test_more_lists_than_an_engine_could_count_or_join_are_answered(context: Context) -> None:
    await create_custom_field(context, key="hobbies", label="Hobbies", type=FieldType.LIST, choices=CHOICES)
    found = (await create_contact(context, fields={"custom_fields": {"hobbies": CHOICES}})).id
    await create_contact(context, fields={"custom_fields": {"hobbies": CHOICES[1:]}})
    where: dict[str, Any] = {"all": [{"custom": {"key": "hobbies", "choice": {"isExactly": CHOICES}}}] * 230}
    read = await read_new(context, {"contacts": where})
    assert len(criteria_lists(read.tree, await now(context, read))) > 2_000
    async with asyncio.timeout(DEADLINE):
        tried = await preview(context, criteria={"contacts": where}, sample=5)
        assert [record.pk for record in await sample(context, tried)] == [found]
        page = await contacts(context, where=where, search=None, order=("ID", "ASC"), page=PageArguments(first=5))
    assert [to_global_id("Contact", node.id) for node in page.nodes] == [to_global_id("Contact", found)]
