"""After a restore from a backup: invalidate cursors and ids that clients got from the time after the backup."""

from models import ChangeCause
from models.fields import to_microseconds
from models.people import new_mark
from resolvers.membership.change import Change
from resolvers.membership.rebuilding.rebuild import new_epoch
from resolvers.operation.context import Services, system_context
from resolvers.write import write

GROUPS = "SELECT id FROM groups WHERE account_id = :account ORDER BY id"
BEGIN = """
    UPDATE groups SET epoch = began.epoch, position = 0, version = 0, updated_at = :at
    FROM ROWS(:began AS began(id bigint, epoch text)) WHERE groups.id = began.id
"""
MARK = "UPDATE accounts SET mark = :mark WHERE id = :account"
MOST_AT_ONCE = 10_000  # groups in one statement


async def begin_new_epochs(services: Services, account_id: int) -> int:
    """Begin a new epoch of every group of an account, so that clients with older cursors read anew. Return the number of groups.

    The account gets a new mark too, because an id in an older export may belong to another row by now.
    """
    return await write(system_context(services, account_id), ChangeCause.GROUP_EDITED, _begin_anew, redefines=True)


async def _begin_anew(change: Change) -> int:
    await change.database.rows(MARK, mark=new_mark(), account=change.account_id)
    group_ids = [row["id"] for row in await change.database.rows(GROUPS, account=change.account_id)]
    for first in range(0, len(group_ids), MOST_AT_ONCE):
        began = [{"id": group_id, "epoch": new_epoch()} for group_id in group_ids[first : first + MOST_AT_ONCE]]
        await change.database.rows(BEGIN, began=began, at=to_microseconds(change.at))
    change.announce(*group_ids)
    return len(group_ids)
