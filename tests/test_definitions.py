"""What a process keeps of an account's definitions is what was committed."""

import pytest

from models import ChangeCause
from models.engine.database import Database
from models.errors import Conflict
from resolvers.grouping.groups import create_group
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.write import write
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.services import running_services

TODAY = {"contacts": {"lastActivityAt": {"on": [{"named": "TODAY"}]}}}


async def test_a_time_zone_that_was_rolled_back_is_kept_nowhere(database: Database) -> None:
    clock = DrivenClock()
    async with running_services(database, clock) as here, running_services(database, clock) as there:
        owner = await new_account(here)
        elsewhere = Context(there, owner.caller, owner.scope)
        await create_group(owner, name="Active today", criteria=TODAY)  # of which the other process does not know yet

        async def work(change: Change) -> None:
            await elsewhere.scope.account.update(timezone="Pacific/Honolulu")
            await there.definitions.zoned(change.database, change.account_id)
            raise Conflict("Something else came in between.")

        with pytest.raises(Conflict):
            await write(elsewhere, ChangeCause.GROUP_EDITED, work, redefines=True)
        kept = await there.definitions.current(database, owner.caller.account_id)
        assert (kept.zone.key, len(kept.groups)) == ("UTC", 1)
