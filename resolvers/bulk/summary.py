"""What a bulk action does, as a sentence with present names. Names that the reader may not see are replaced."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from models import BulkAction
from resolvers.bulk.needs import stored_needs
from resolvers.criteria.language.names import HIDDEN
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.rendering.words import counted, listing
from resolvers.operation.context import Context

Labelled = tuple[str, Any]  # the value of a field, with the field's label

LABELS = {field.column.removesuffix("_folded"): field.label for field in CONTACT.fields.values()}
DELETED_TAG = "a deleted tag"
DELETED_FIELD = "a deleted field"


async def summary(context: Context, action: BulkAction) -> str:
    """The target and the change of the action as a sentence: `Members of Clients: add the tag VIP.`"""
    target, change = await context.loaders.bulk_documents_by_id.load(action.pk)
    said = f"{await _target(context, target)}: {await _change(context, change)}"
    if action.undoes_id is None:
        return f"{said}."
    return f"Undo of “{said}”." + _kept(action.kept if await counts_are_shown(context, action) else 0)


async def counts_are_shown(context: Context, action: BulkAction) -> bool:
    """Whether the caller may view every group that the action names. Counts of contacts would show the size of another."""
    _, change = await context.loaders.bulk_documents_by_id.load(action.pk)
    named = [need.id for need in stored_needs(change) if need.kind == "group"]
    return all(await context.loaders.groups_by_id.load_many(named))


def _kept(count: int) -> str:
    if not count:
        return ""
    return f" Of {counted(count, 'contact')} something was left as it is, because it had changed since or was gone."


async def _target(context: Context, target: Any) -> str:
    match target:
        case {"contacts": count}:
            return counted(count, "chosen contact")
        case {"group": group_id}:
            group = await context.loaders.groups_by_id.load(group_id)
            return f"Members of {group.name if group else HIDDEN}"
        case _:
            return await context.loaders.sentence_by_document.load(orjson.dumps(target["where"]))


async def _change(context: Context, change: Any) -> str:
    match change:
        case {"tags": {"add": add, "remove": remove}}:
            said = [f"{verb} {await _tags(context, ids)}" for verb, ids in (("add", add), ("remove", remove)) if ids]
            return ", ".join(said)
        case {"fields": {"cells": cells, "custom": custom}}:
            plain = [(LABELS[name], value) for name, value in cells.items()]
            return ", ".join(_fields([*plain, *await _custom(context, custom)]))
        case _:
            return "delete"


async def _tags(context: Context, ids: list[int]) -> str:
    names = [tag.name if tag else DELETED_TAG for tag in await context.loaders.tags_by_id.load_many(ids)]
    return f"the {'tag' if len(names) == 1 else 'tags'} {listing(names, 'and')}"


async def _custom(context: Context, custom: Sequence[tuple[int, Any]]) -> Iterable[Labelled]:
    fields = await context.loaders.custom_fields_by_id.load_many(field_id for field_id, _ in custom)
    return [(field.label if field else DELETED_FIELD, entries) for field, (_, entries) in zip(fields, custom, strict=True)]


def _fields(values: Sequence[Labelled]) -> Iterator[str]:
    """Say which fields are set and which are cleared. A cleared field has the value None, or no entries. Labels may repeat."""
    for verb, labels in (
        ("set", [label for label, value in values if value not in (None, [])]),
        ("clear", [label for label, value in values if value in (None, [])]),
    ):
        if labels:
            yield f"{verb} {listing(labels, 'and')}"
