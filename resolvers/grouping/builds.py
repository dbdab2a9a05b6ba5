"""Online builds of groups in large accounts: decide when one is needed, start it and run it while writers go on."""

from collections.abc import Mapping
from typing import Any

from models import ChangeCause
from models.engine.fair_queue import work_of
from resolvers.criteria.language.record_types import RecordType
from resolvers.criteria.language.renaming import groups_named
from resolvers.membership.change import Change
from resolvers.membership.rebuilding.builds import plan_builds, read_builds
from resolvers.membership.rebuilding.scan import scan_next
from resolvers.membership.rebuilding.swap import MembershipDifference, find_difference, swap_in
from resolvers.operation.context import Context, Services, system_context
from resolvers.write import write

IS_LARGE = "SELECT count(*) > :most AS large FROM (SELECT 1 FROM {table} WHERE account_id = :account LIMIT :enough) AS counted"
BUILDING = "SELECT DISTINCT account_id FROM groups WHERE replaces_id IS NOT NULL ORDER BY account_id"


async def needs_online_build(context: Context, record_type: RecordType) -> bool:
    """Whether evaluating all records at once would make the account's writers wait too long."""
    database, account_id, most = context.services.database, context.caller.account_id, context.services.evaluated_at_once
    row = await database.row(IS_LARGE.format(table=record_type.table), account=account_id, most=most, enough=most + 1)
    return bool(row["large"]) or bool(await read_builds(database, account_id))


async def start_builds(context: Context, change: Change, wanted: Mapping[int, Mapping[str, Any] | None]) -> None:
    """Start to build groups with these criteria, or cancel the build of a group where the criteria are None."""
    definitions = await context.services.definitions.current(change.database, change.account_id)
    await plan_builds(change, definitions, wanted)


async def mentions_once_built(context: Context) -> dict[int, list[int]]:
    """Return the groups that each group under construction will mention once it is built."""
    found = await read_builds(context.services.database, context.caller.account_id)
    return {each.group_id: [*groups_named(each.criteria)] for each in found}


async def build(services: Services) -> None:
    """Run every build to its end. If another edit overtakes one, both begin anew together."""
    analyzed: set[int] = set()
    while accounts := [row["account_id"] for row in await services.database.rows(BUILDING)]:
        # Without statistics, as after a large import, PostgreSQL would sort all contacts for each chunk.
        if services.database.engine == "postgresql" and not analyzed.issuperset(accounts):
            await services.database.rows("ANALYZE contacts")
            analyzed.update(accounts)
        for account_id in accounts:
            await build_on(services, account_id)


async def build_on(services: Services, account_id: int) -> None:
    """Evaluate the next contacts for the builds of an account, or put the builds in force once no contacts are left."""
    context = system_context(services, account_id)
    with work_of(account_id, "builds"):
        found = await read_builds(services.database, account_id)
        if not found or await _scan(context):
            return
        differences = {each: await find_difference(services.database, account_id, each) for each in found}
        known = {each.id: changes for each, changes in differences.items() if changes}
        if len(known) == len(found):
            await _swap(context, known)


async def _scan(context: Context) -> bool:
    """Evaluate the next contacts for all builds, in one write. False once there are no more."""

    async def work(change: Change) -> bool:
        # Read again, because another edit may have restarted the builds.
        found = await read_builds(change.database, change.account_id)
        definitions = await context.services.definitions.current(change.database, change.account_id)
        return bool(found) and await scan_next(change, definitions, [each.id for each in found])

    return await write(context, ChangeCause.GROUP_EDITED, work)


async def _swap(context: Context, known: Mapping[int, MembershipDifference]) -> bool:
    """Put the builds with these numbers in force, in one write. False if other builds have taken their place."""

    async def work(change: Change) -> bool:
        # Read again, because merging a tag or deleting a group may have rewritten their criteria.
        still = await read_builds(change.database, change.account_id)
        return known.keys() == {each.id for each in still} and await swap_in(change, {each: known[each.id] for each in still})

    return await write(context, ChangeCause.GROUP_EDITED, work, redefines=True)
