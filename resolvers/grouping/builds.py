"""Defining groups of large accounts while writers go on: deciding for it, and carrying it through."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from models import ChangeCause
from resolvers.criteria.language.record_types import RecordType
from resolvers.criteria.language.renaming import groups_named
from resolvers.membership.change import Change
from resolvers.membership.rebuilding.builds import Build, builds, plan
from resolvers.membership.rebuilding.scan import scan_next
from resolvers.membership.rebuilding.swap import Difference, difference, swap
from resolvers.operation.context import Context, Services, system_context
from resolvers.write import write

IS_LARGE = "SELECT count(*) > :most AS large FROM (SELECT 1 FROM {table} WHERE account_id = :account LIMIT :enough) AS counted"
BUILDING = "SELECT DISTINCT account_id FROM groups WHERE replaces_id IS NOT NULL ORDER BY account_id"


async def is_online(context: Context, record_type: RecordType) -> bool:
    """Whether a new definition must not keep the account's writers waiting until all records have been judged."""
    database, account_id, most = context.services.database, context.caller.account_id, context.services.judged_at_once
    row = await database.row(IS_LARGE.format(table=record_type.table), account=account_id, most=most, enough=most + 1)
    return bool(row["large"]) or bool(await builds(database, account_id))


async def build_online(context: Context, change: Change, wanted: Mapping[int, Mapping[str, Any] | None]) -> None:
    """Begin to build groups with these criteria, or give up what is being built for them where there are none."""
    definitions = await context.services.definitions.current(change.database, change.account_id)
    await plan(change, definitions, wanted)


async def coming_mentions(context: Context) -> dict[int, list[int]]:
    """The groups that groups in the making will ask for once they are in force."""
    found = await builds(context.services.database, context.caller.account_id)
    return {each.group_id: [*groups_named(each.criteria)] for each in found}


async def build(services: Services) -> None:
    """Carry every membership in the making through, until it is in force; what another edit overtakes begins anew with it."""
    for row in await services.database.rows(BUILDING):
        # After a large import PostgreSQL knows nothing of the contacts yet, and would sort all of them for each chunk.
        if services.database.engine == "postgresql":
            await services.database.rows("ANALYZE contacts")
        context = system_context(services, row["account_id"])
        while found := await builds(services.database, row["account_id"]):
            await _build(context, found)


async def _build(context: Context, found: list[Build]) -> None:
    while await write(context, ChangeCause.GROUP_EDITED, partial(_scan, context)):
        pass
    differences = {each: await difference(context.services.database, each) for each in found}
    known = {each: changes for each, changes in differences.items() if changes}
    if len(known) == len(found):
        await write(context, ChangeCause.GROUP_EDITED, partial(_swap, found=known), redefines=True)


async def _scan(context: Context, change: Change) -> bool:
    # Whatever is in the making now: another edit may have begun it anew.
    found = await builds(change.database, change.account_id)
    definitions = await context.services.definitions.current(change.database, change.account_id)
    return bool(found) and await scan_next(change, definitions, [each.id for each in found])


async def _swap(change: Change, found: Mapping[Build, Difference]) -> bool:
    # What they are to be defined by may have been rewritten meanwhile: a tag merged, a group deleted.
    known, still = {each.id: changes for each, changes in found.items()}, await builds(change.database, change.account_id)
    return known.keys() == {each.id for each in still} and await swap(change, {each: known[each.id] for each in still})
