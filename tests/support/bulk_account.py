"""A small account on which bulk actions are started, and what tests ask of them."""

from typing import Any

import pytest

from models import BulkAction
from models.errors import Refused
from models.ids import to_global_id
from resolvers.bulk.actions import start_bulk_action
from resolvers.bulk.work import work
from resolvers.operation.context import Context, Services
from resolvers.records.imports import import_contacts
from resolvers.tagging.tags import create_tag
from tests.support.callers import new_account

EVERYBODY: dict[str, Any] = {"where": {"source": {"isEmpty": False}}}
ADD_VIP: dict[str, Any] = {"tags": {"add": [{"name": "VIP"}]}}
REMOVE_VIP: dict[str, Any] = {"tags": {"remove": [{"name": "VIP"}]}}
TAGGED: dict[str, Any] = {"where": {"tags": {"containsAny": [{"name": "VIP"}]}}}


async def new_owner(services: Services) -> Context:
    """The owner of an account with the tag VIP and five contacts."""
    context = await new_account(services)
    await create_tag(context, name="VIP")
    await import_contacts(context, rows=[{"fields": {"source": f"c{number}", "email": f"c{number}@example.com"}} for number in range(5)])
    return context


async def ids_of(context: Context) -> list[str]:
    return [to_global_id("Contact", contact.id) for contact in await context.scope.contacts.order_by("id")]


async def tagged(context: Context) -> list[Any]:
    found = await context.scope.taggings.order_by("contact_id").values_list("contact_id", flat=True)
    return list(found)


async def start(context: Context, target: dict[str, Any], change: dict[str, Any], **more: Any) -> BulkAction:
    started = await start_bulk_action(context, target=target, change=change, **more)
    assert started.action
    return started.action


async def again(context: Context, action: BulkAction) -> BulkAction:
    return await context.scope.bulk_actions.get(id=action.pk)


async def carried_out(context: Context, target: dict[str, Any], change: dict[str, Any]) -> BulkAction:
    action = await start(context, target, change)
    await work(context.services)
    return await again(context, action)


def gid(action: BulkAction) -> str:
    return to_global_id("BulkAction", action.pk)


async def problems(awaitable: Any) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(Refused) as refused:
        await awaitable
    return [(problem.code.value, problem.path) for problem in refused.value.problems]
