"""Tags: find, create, rename, merge and delete them. Criteria refer to tags by id, so renaming one changes no membership."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from tortoise.expressions import Subquery

from models import ChangeCause, Contact, Group, Tag
from models.errors import ProblemCode, refuse
from models.ids import to_global_id
from models.orm.keyset import Order
from models.text import fold, storable
from resolvers.access.roles import require_editor
from resolvers.criteria.language.mentions import ANY_TAG, Mention
from resolvers.grouping.usage import in_use
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, id_or_none, unknown
from resolvers.reading import paging
from resolvers.reading.paging import Page, PageArguments
from resolvers.reading.search import search_names
from resolvers.tagging.merging import merge
from resolvers.tagging.references import TagRef, tag_name
from resolvers.values.validation import Check, Problems, invalid, text
from resolvers.write import write

LONGEST_DESCRIPTION = 500
BY_NAME = Order("tags", "name_folded")

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}|[A-Za-z]{1,32}")


async def tag_by(context: Context, by: TagRef) -> Tag | None:
    """Return the tag with an id or a name, or None. The name matches in any case."""
    if "id" in by:
        number = id_or_none(by["id"], "Tag")
        return None if number is None else await context.loaders.tags_by_id.load(number)
    return await context.scope.tags.get_or_none(name_folded=fold(by["name"])) if storable(by["name"]) else None


async def tags(context: Context, *, search: str | None, page: PageArguments) -> Page[Tag]:
    """Return a page of the tags by name, only those whose name contains the search if there is one."""
    return await paging.page(search_names(context.scope.tags, search), page, order=BY_NAME, limits=context.services.pages)


async def contacts_of(context: Context, tag: Tag, page: PageArguments) -> Page[Contact]:
    """Return a page of the contacts that carry a tag."""
    carriers = Subquery(context.scope.taggings.filter(tag_id=tag.id).values("contact_id"))
    found = context.scope.contacts.filter(id__in=carriers)
    return await paging.page(found, page, order=Order("contacts of a tag"), limits=context.services.pages)


async def contact_count(context: Context, tag: Tag) -> int:
    """Return how many contacts carry a tag."""
    return await context.loaders.contact_count_by_tag.load(tag.id)


async def used_by(context: Context, tag: Tag) -> list[Group]:
    """Return the groups whose criteria name a tag and that the caller may view, by name."""
    group_ids = await _users(context, Mention("tag", tag.id))
    groups = await context.loaders.groups_by_id.load_many(group_ids)
    return sorted((group for group in groups if group), key=lambda group: (group.name_folded, group.id))


async def _users(context: Context, *mentions: Mention) -> list[int]:
    using = partial(context.services.definitions.using, context.services.database, context.caller.account_id)
    return sorted({group_id for mention in mentions for group_id in await using(mention)})


async def create_tag(context: Context, *, name: str, description: str | None = None, color: str | None = None) -> Tag:
    """Create a tag."""
    require_editor(context)
    values = _checked({"name": name, "description": description, "color": color})

    async def work(change: Change) -> Tag:
        await _refuse_taken(context, values)
        return await Tag.create(**values, account_id=change.account_id, created_at=change.at, updated_at=change.at)

    return await write(context, ChangeCause.TAGS_CHANGED, work)


async def update_tag(context: Context, *, tag_id: str, changes: Mapping[str, Any]) -> Tag:
    """Change a tag's name, description or color. This changes no membership and no contact."""
    require_editor(context)
    number = id_of(tag_id, "Tag", "tag")
    values = _checked(changes)

    async def work(change: Change) -> Tag:
        tag = await _existing(context, number)
        assigned = {name: value for name, value in values.items() if value != getattr(tag, name)}
        if assigned:
            await _refuse_taken(context, values, but=number)
            await context.scope.tags.filter(id=number).update(**assigned, updated_at=change.at)
        # Read before the commit, after which somebody else may delete the tag.
        return await _existing(context, number)

    return await write(context, ChangeCause.TAGS_CHANGED, work)


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    problems = Problems()
    checks: dict[str, Check] = {"name": tag_name, "description": partial(text, longest=LONGEST_DESCRIPTION), "color": _color}
    values: dict[str, Any] = {name: problems.attempt(checks[name], value, "input", name) for name, value in given.items()}
    problems.raise_any()
    return values | ({"name_folded": fold(values["name"])} if "name" in values else {})


def _color(value: Any) -> str | None:
    color = text(value)
    if color is not None and not _COLOR.fullmatch(color.strip()):
        raise invalid("Expected a color as #rrggbb, or a name such as teal.")
    return color and color.strip()


async def _existing(context: Context, tag_id: int) -> Tag:
    tag = await context.scope.tags.get_or_none(id=tag_id)
    if tag is None:
        raise unknown("tag")
    return tag


async def _refuse_taken(context: Context, values: Mapping[str, Any], but: int = 0) -> None:
    if "name" in values and await context.scope.tags.filter(name_folded=values["name_folded"]).exclude(id=but).exists():
        raise refuse(ProblemCode.TAKEN, "There is already a tag with this name. Use that one, or choose another name.", "input", "name")


async def merge_tags(context: Context, *, source_id: str, target_id: str) -> Tag:
    """Move all taggings of the source to the target, delete the source, and return the target."""
    require_editor(context)
    source, target = id_of(source_id, "Tag", "tag"), id_of(target_id, "Tag", "tag")
    if source == target:
        raise refuse(ProblemCode.INVALID, "A tag cannot be merged into itself. Name two different tags.", "into")

    async def work(change: Change) -> Tag:
        merged, kept = [await _existing(context, number) for number in (source, target)]
        await merge(context, change, source, target)
        await merged.delete()
        return kept

    return await write(context, ChangeCause.TAGS_CHANGED, work, redefines=True)


async def delete_tag(context: Context, *, tag_id: str, force: bool = False) -> str:
    """Delete a tag with its taggings, and return its id. Refused while criteria of groups use it, unless forced."""
    require_editor(context)
    number = id_of(tag_id, "Tag", "tag")

    async def work(change: Change) -> None:
        tag = await _existing(context, number)
        users = await _users(context, Mention("tag", number))
        if users and not force:
            raise await in_use(context, users, "id")
        # Contacts without another tag now carry none, which criteria can ask for.
        change.invalidate(*users, *await _users(context, Mention("tag", ANY_TAG)))
        await tag.delete()

    await write(context, ChangeCause.TAGS_CHANGED, work, redefines=True)
    return to_global_id("Tag", number)
