"""Find any object by its global id."""

from asyncio import gather
from collections.abc import Iterable, Sequence

from tortoise.models import Model

from models.errors import BadInput
from models.ids import from_global_id, to_global_id
from resolvers.access.audit_log import audit_entry
from resolvers.access.roles import visible_tokens
from resolvers.operation.context import Context


async def node(context: Context, node_id: str) -> Model | None:
    """Return the object with this id, or None if it does not exist for the caller."""
    return await _find(context, *from_global_id(node_id))


async def nodes(context: Context, node_ids: Sequence[str]) -> list[Model | None]:
    """Return the objects with these ids in their order, at most as many as a page may have."""
    most = context.services.pages.largest
    if len(node_ids) > most:
        raise BadInput(f"`ids` has {len(node_ids)} entries. Ask for at most {most} at a time.")
    places = [from_global_id(node_id) for node_id in node_ids]  # so that a malformed id is refused before anything is read
    return await gather(*(_find(context, *place) for place in places))


async def _find(context: Context, kind: str, number: int) -> Model | None:
    loaders = context.loaders
    if record_type := context.services.record_types.by_type_name.get(kind):
        found: Model | None = await loaders.records_by_id(record_type).load(number)
        return found
    match kind:
        case "Tag":
            return await loaders.tags_by_id.load(number)
        case "Group":
            return await loaders.groups_by_id.load(number)
        case "User":
            return await loaders.users_by_id.load(number)
        case "Account":
            return await context.scope.account.get_or_none(id=number)
        case "BulkAction":
            return await loaders.bulk_actions_by_id.load(number)
        case "AccessToken":
            return await visible_tokens(context).get_or_none(id=number)
        case "AuditEntry":
            return await audit_entry(context, number)
    return None


def record_ids(context: Context, record_type: str, numbers: Iterable[int]) -> list[str]:
    """Return the global ids of records of the type with this name."""
    type_name = context.services.record_types.named(record_type).type_name
    return [to_global_id(type_name, number) for number in numbers]


async def records(context: Context, record_type: str, numbers: Iterable[int]) -> list[Model]:
    """Return the records that still exist, as they are now."""
    loader = context.loaders.records_by_id(context.services.record_types.named(record_type))
    return [found for found in await loader.load_many(numbers) if found]
