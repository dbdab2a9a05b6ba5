"""Find any object by its global id."""

from asyncio import gather
from collections.abc import Iterable, Sequence
from typing import Any

from tortoise.models import Model

from models.errors import BadInput
from models.ids import from_global_id, to_global_id
from resolvers.access.audit_log import audit_entries
from resolvers.access.roles import sees_token
from resolvers.operation.batching import Loader
from resolvers.operation.context import Context


async def node(context: Context, node_id: str) -> Model | None:
    """Return the object with this id, or None if it does not exist for the caller."""
    kind, number = from_global_id(node_id)
    (found,) = await _find_all(context, kind, [number])
    return found


async def nodes(context: Context, node_ids: Sequence[str]) -> list[Model | None]:
    """Return the objects with these ids in their order, at most as many as a page may have."""
    most = context.services.pages.largest
    if len(node_ids) > most:
        raise BadInput(f"`ids` has {len(node_ids)} entries. Ask for at most {most} at a time.")
    places = [from_global_id(node_id) for node_id in node_ids]  # so that a malformed id is refused before anything is read
    numbers: dict[str, list[int]] = {}
    for kind, number in places:
        numbers.setdefault(kind, []).append(number)
    found = await gather(*(_find_all(context, kind, of_kind) for kind, of_kind in numbers.items()))
    rows = {kind: dict(zip(of_kind, each, strict=True)) for (kind, of_kind), each in zip(numbers.items(), found, strict=True)}
    return [rows[kind][number] for kind, number in places]


async def _find_all(context: Context, kind: str, numbers: Sequence[int]) -> Sequence[Model | None]:
    """Return the objects of one kind with these numbers, read at once."""
    if kind == "AccessToken":
        return [token if token and sees_token(context, token) else None for token in await context.loaders.tokens_by_id.load_many(numbers)]
    if kind == "AuditEntry":
        return await audit_entries(context, numbers)
    loader = _loader(context, kind)
    return await loader.load_many(numbers) if loader else [None] * len(numbers)


def _loader(context: Context, kind: str) -> Loader[int, Any] | None:
    """Return the loader of objects of a kind that everybody in the account may see."""
    loaders = context.loaders
    shown: dict[str, Loader[int, Any]] = {
        "Tag": loaders.tags_by_id,
        "Group": loaders.groups_by_id,
        "User": loaders.users_by_id,
        "Account": loaders.accounts_by_id,
        "BulkAction": loaders.bulk_actions_by_id,
    }
    if record_type := context.services.record_types.by_type_name.get(kind):
        return loaders.records_by_id(record_type)
    return shown.get(kind)


def record_ids(context: Context, record_type: str, numbers: Iterable[int]) -> list[str]:
    """Return the global ids of records of the type with this name."""
    type_name = context.services.record_types.named(record_type).type_name
    return [to_global_id(type_name, number) for number in numbers]


async def records(context: Context, record_type: str, numbers: Iterable[int]) -> list[Model]:
    """Return the records that still exist, as they are now."""
    loader = context.loaders.records_by_id(context.services.record_types.named(record_type))
    return [found for found in await loader.load_many(numbers) if found]
