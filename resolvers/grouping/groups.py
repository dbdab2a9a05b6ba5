"""Groups: read, create, edit and delete saved searches whose membership is kept up to date."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import orjson
from tortoise.expressions import Subquery
from tortoise.queryset import QuerySet

from models import ChangeCause, Contact, Group, GroupState
from models.audience import EVERYONE, Audience, read_audience
from models.errors import ProblemCode, Refused, refuse
from models.groups import CONTACT_TYPE
from models.ids import to_global_id
from models.orm.keyset import Order
from models.text import fold
from resolvers.access.roles import require_editor
from resolvers.criteria.diagnostics.diagnose import Diagnostic, diagnose
from resolvers.criteria.language.mentions import Mention, groups_mentioned
from resolvers.criteria.language.tree import Tree
from resolvers.grouping.audit import record_created, record_deleted, record_updated
from resolvers.grouping.builds import mentions_once_built, needs_online_build, start_builds
from resolvers.grouping.permissions import audiences, editable_group
from resolvers.grouping.usage import in_use
from resolvers.membership.change import Change
from resolvers.membership.rebuilding.builds import delete_with_build, read_builds
from resolvers.membership.rebuilding.cycle import find_cycle
from resolvers.membership.rebuilding.rebuild import new_epoch
from resolvers.operation.context import Context
from resolvers.operation.identify import id_or_none, unknown
from resolvers.reading import paging
from resolvers.reading.criteria_input import of_stored, readable_tree
from resolvers.reading.paging import Edge, Page, PageArguments
from resolvers.reading.search import search_names
from resolvers.values.validation import Problems, required_text
from resolvers.write import write

LONGEST_NAME = 200
BY_NAME = Order("groups", "name_folded")


async def group(context: Context, group_id: str) -> Group | None:
    """Return the group, or None if it does not exist for the caller."""
    return await context.loaders.groups_by_id.load(id_or_none(group_id, "Group") or 0)


async def groups(context: Context, *, search: str | None, record_type: str | None, page: PageArguments) -> Page[Group]:
    """Return a page of the groups that the caller may view, by name."""
    found = search_names(context.scope.groups, search)
    if record_type:
        found = found.filter(record_type=record_type)
    return await _page(context, found, page)


async def groups_of(context: Context, contact: Contact, page: PageArguments) -> Page[Group]:
    """Return a page of the groups that contain a contact and that the caller may view, by name."""
    memberships = context.scope.group_members.filter(record_id=contact.id)
    found = context.scope.groups.filter(record_type=CONTACT_TYPE, members_id__in=Subquery(memberships.values("set_id")))
    return await _page(context, found, page)


async def _page(context: Context, found: QuerySet[Group], arguments: PageArguments) -> Page[Group]:
    rows = await paging.page(found, arguments, order=BY_NAME, limits=context.services.pages)
    seen = context.loaders.remember_groups(rows.nodes)
    return rows.with_edges([Edge(edge.cursor, node) for edge, node in zip(rows.edges, seen, strict=True)])


async def criteria_text(context: Context, group: Group) -> str:
    """Return the criteria as an English sentence with current names."""
    return await context.loaders.sentence_by_document.load(orjson.dumps(group.criteria))


async def diagnostics(context: Context, group: Group) -> Sequence[Diagnostic]:
    """Return what is questionable about the group's criteria."""
    return await of_stored(context, group.criteria, diagnose)


async def create_group(context: Context, *, name: str, criteria: Mapping[str, Any], permission: Mapping[str, Any] | None = None) -> Group:
    """Create a group. Its members have joined when this returns, or all at once later in a large account."""
    require_editor(context)
    given = _named(name) | await audiences(context, permission)

    async def work(change: Change) -> int:
        tree = await _checked_criteria(context, criteria)
        online = await needs_online_build(context, tree.record_type)
        created = await Group.create(
            **{"view": EVERYONE.marks(), "edit": EVERYONE.marks()} | given,
            account_id=change.account_id,
            record_type=tree.record_type.name,
            criteria=tree.document,
            owner_id=change.actor_id,
            state=GroupState.READY,
            epoch=new_epoch(),
            created_at=change.at,
            updated_at=change.at,
        )
        await record_created(context, change, created)
        number: int = created.id
        if online:
            await start_builds(context, change, {number: tree.document})
        else:
            await context.scope.all_groups.filter(id=number).update(members_id=number)
            change.invalidate(number)
        return number

    group_id = await write(context, ChangeCause.GROUP_EDITED, work, redefines=True)
    return await _current(context, group_id)


async def update_group(context: Context, *, group_id: str, changes: Mapping[str, Any]) -> Group:
    """Change a group's name, criteria or permission. In a large account, new criteria apply once they are built."""
    edited = await editable_group(context, group_id)
    values = await audiences(context, changes.get("permission"))
    if changes.get("name") is not None:
        values |= _named(changes["name"])
    redefines = changes.get("criteria") is not None

    async def work(change: Change) -> None:
        found = await context.scope.all_groups.filter(id=edited.id).select_for_update().first()
        if found is None:
            raise unknown("group")
        wanted: dict[str, Any] = dict(values)
        assigned: dict[str, Any] = {name: value for name, value in values.items() if value != getattr(found, name)}
        if redefines:
            tree = await _checked_criteria(context, changes["criteria"])
            assigned |= await _redefinition(context, change, found, tree)
            wanted["criteria"] = tree.document
        if assigned:
            await context.scope.all_groups.filter(id=found.id).update(**assigned, updated_at=change.at)
        await record_updated(context, change, found, wanted)

    await write(context, ChangeCause.GROUP_EDITED, work, redefines=redefines)
    if "view" in values:
        context.services.hub.wake([edited.id])
    return await _current(context, edited.id)


async def _current(context: Context, group_id: int) -> Group:
    """Return the group as it is after a write. Raises `NotFound` if somebody has deleted it since."""
    found = await context.scope.all_groups.get_or_none(id=group_id)
    if found is None:
        raise unknown("group")
    return found


async def _redefinition(context: Context, change: Change, edited: Group, tree: Tree) -> dict[str, Any]:
    if tree.record_type.name != edited.record_type:
        raise refuse(ProblemCode.INVALID, "A group keeps its record type. Create another group instead.", "input", "criteria")
    await _refuse_cycle(context, edited, tree)
    is_in_force = edited.members_id != 0
    if is_in_force and tree.document == edited.criteria:
        if edited.state is GroupState.BUILDING:
            await start_builds(context, change, {edited.id: None})
        return {}
    if await needs_online_build(context, tree.record_type):
        await start_builds(context, change, {edited.id: tree.document})
        return {} if is_in_force else {"criteria": tree.document}
    change.note_edited(edited.id)
    return {"criteria": tree.document}


async def _refuse_cycle(context: Context, edited: Group, tree: Tree) -> None:
    definitions = await context.services.definitions.current(context.services.database, edited.account_id)
    way = find_cycle(definitions, edited.id, groups_mentioned(tree), coming=await mentions_once_built(context))
    if way:
        names = dict(await context.scope.groups.filter(id__in=way).values_list("id", "name"))
        path = " → ".join(names.get(group_id, "(a group you cannot view)") for group_id in way)
        raise refuse(ProblemCode.CYCLE, f"The group would depend on itself: {path}.", "input", "criteria")


async def _checked_criteria(context: Context, criteria: Mapping[str, Any]) -> Tree:
    try:
        return await readable_tree(context, criteria)
    except Refused as refused:
        raise Refused([problem.under("input", "criteria") for problem in refused.problems]) from None


def _named(name: str) -> dict[str, Any]:
    problems = Problems()
    checked = problems.attempt(partial(required_text, longest=LONGEST_NAME), name, "input", "name")
    problems.raise_any()
    return {"name": checked, "name_folded": fold(name)}


async def delete_group(context: Context, *, group_id: str, force: bool) -> str:
    """Delete a group with its members and log, and return its id. Refused while criteria of other groups use it, unless forced."""
    deleted = await editable_group(context, group_id)

    async def work(change: Change) -> None:
        if not await context.scope.all_groups.filter(id=deleted.id).exists():
            raise unknown("group")
        under_way = await read_builds(change.database, change.account_id)
        hidden = [build.id for build in under_way if build.group_id == deleted.id]
        using = partial(context.services.definitions.using, change.database, change.account_id)
        users = {user for number in (deleted.id, *hidden) for user in await using(Mention("group", number))} - {deleted.id}
        if users and not force:
            raise await in_use(context, sorted(users), "id")
        await delete_with_build(change, deleted.id, under_way)
        change.announce(deleted.id)
        change.invalidate(*users)
        await record_deleted(context, change, deleted)

    await write(context, ChangeCause.GROUP_EDITED, work, redefines=True)
    return to_global_id("Group", deleted.id)


def audience_of(group: Group, side: str) -> Audience:
    """Return who may `view` or `edit` the group besides its owner."""
    return read_audience(getattr(group, side))
