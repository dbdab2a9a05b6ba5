"""Merge one tag into another: move its taggings, and rewrite the criteria of groups that name it."""

from typing import Any

from tortoise.expressions import Q

from models import Group
from models.fields import to_microseconds
from models.ids import to_global_id
from models.orm.tortoise_adapter import stored
from resolvers.criteria.language.mentions import Mention
from resolvers.grouping.audit import record_updated
from resolvers.membership.change import Change
from resolvers.operation.context import Context

KEEP_EARLIER = """
    UPDATE taggings SET tagged_at = source.tagged_at, tagged_by_id = source.tagged_by_id FROM taggings AS source
    WHERE taggings.account_id = :account AND source.account_id = :account AND taggings.tag_id = :target AND source.tag_id = :source
    AND source.contact_id = taggings.contact_id AND source.tagged_at < taggings.tagged_at
"""
DROP_DOUBLE = """
    DELETE FROM taggings WHERE account_id = :account AND tag_id = :source
    AND contact_id IN (SELECT contact_id FROM taggings WHERE account_id = :account AND tag_id = :target)
"""
MOVE_OTHERS = "UPDATE taggings SET tag_id = :target WHERE account_id = :account AND tag_id = :source"
REWRITE = """
    UPDATE groups SET criteria = edited.criteria, updated_at = edited.updated_at
    FROM ROWS(:groups AS edited(id bigint, criteria text, updated_at bigint))
    WHERE groups.id = edited.id
"""


async def merge(context: Context, change: Change, source: int, target: int) -> None:
    """Replace the source tag by the target in taggings and criteria. Of two taggings of one contact, the earlier time is kept."""
    await _redefine(context, change, source, target)
    for statement in (KEEP_EARLIER, DROP_DOUBLE, MOVE_OTHERS):
        await change.database.rows(statement, account=change.account_id, source=source, target=target)


async def _redefine(context: Context, change: Change, source: int, target: int) -> None:
    using = context.services.definitions.using
    change.invalidate(*await using(change.database, change.account_id, Mention("tag", target)))
    users = await using(change.database, change.account_id, Mention("tag", source))
    found = await context.scope.definitions.filter(Q(id__in=users) | Q(replaces_id__in=users))
    old, new = ({"id": to_global_id("Tag", number)} for number in (source, target))
    edited = [(group, renamed(group.criteria, old, new)) for group in found]
    await _rewrite(change, edited)
    for group, criteria in edited:
        if group.replaces_id is None:
            await record_updated(context, change, group, {"criteria": criteria})
    for group_id in users:
        change.note_edited(group_id)


async def _rewrite(change: Change, edited: list[tuple[Group, Any]]) -> None:
    at = to_microseconds(change.at)
    rows = [{"id": group.id, "criteria": stored(Group, "criteria", criteria), "updated_at": at} for group, criteria in edited]
    if rows:
        await change.database.rows(REWRITE, groups=rows)


def renamed(document: Any, old: dict[str, str], new: dict[str, str]) -> Any:
    """Return the document with one reference replaced everywhere. No list then names it twice."""
    match document:
        case dict() if document == old:
            return new
        case dict():
            return {key: renamed(value, old, new) for key, value in document.items()}
        case list() if old in document:
            others = [renamed(entry, old, new) for entry in document]
            return [entry for index, entry in enumerate(others) if entry != new or new not in others[:index]]
        case list():
            return [renamed(entry, old, new) for entry in document]
    return document
