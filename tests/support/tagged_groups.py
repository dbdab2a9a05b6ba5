"""Contacts in Canada, and groups of those that carry a tag."""

from models import Group
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context
from resolvers.tagging.tags import create_tag


async def people(context: Context, count: int) -> list[str]:
    await context.services.database.rows(
        "INSERT INTO contacts (account_id, country, country_folded, created_at, updated_at) "
        "SELECT account, 'Canada', 'canada', 0, 0 FROM ROWS(:rows AS given(account bigint))",
        rows=[{"account": context.caller.account_id}] * count,
    )
    return [to_global_id("Contact", row["id"]) for row in await context.scope.contacts.order_by("id").values("id")]


async def tagged_groups(context: Context, tag: str, count: int) -> list[Group]:
    await create_tag(context, name=tag)
    criteria = {"contacts": {"all": [{"country": {"equals": ["Canada"]}}, {"tags": {"containsAny": [{"name": tag}]}}]}}
    return [await create_group(context, name=f"{tag} {number}", criteria=criteria) for number in range(count)]
