"""Working on bulk actions, chunk by chunk: a chunk, and the record that it is done, commit together.

While a process works on an action it holds a lock on the action's row. If the process dies, the lock goes with it, and another
process goes on after the last chunk that was committed.
"""

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
import structlog

from models import BulkActionState, ChangeCause, Role
from models.engine.database import UNREACHABLE, Rows
from models.engine.fair_queue import work_of
from models.errors import Conflict, MusterError
from models.fields import to_microseconds
from resolvers.bulk.bulk_change import Outcome
from resolvers.bulk.changes import stored_change
from resolvers.bulk.chunks import NextContacts, TargetPosition, find_next_contacts, take_chunk
from resolvers.bulk.inverses import store_inverse, take_inverse
from resolvers.bulk.needs import check_needs, stored_needs
from resolvers.bulk.pace import ChunkPace
from resolvers.bulk.statements import (
    ACTION_TO_WORK,
    ADVANCE_ACTION,
    FAIL_ACTION,
    FOR_UPDATE_SKIP_LOCKED,
    LOCK_ACTION_TO_WORK,
    POSTPONE_ACTION,
    UNFINISHED,
)
from resolvers.bulk.targets import stored_target
from resolvers.membership.change import Change
from resolvers.operation.context import Caller, Context, Services
from resolvers.operation.scope import Scope
from resolvers.write import write

Action = Mapping[str, Any]  # the row of a bulk action


class Progress(NamedTuple):
    """What one chunk adds to its action: the last contact reached, how many were reached, and what became of them."""

    position: int
    reached: int
    outcome: Outcome
    is_last: bool


async def work(services: Services) -> None:
    """Work on all bulk actions, one chunk of each in turn, until none is left that other processes do not work on."""
    pace = ChunkPace(services.bulk_chunk)
    while await work_on_next(services, pace):
        pass


async def work_on_next(services: Services, pace: ChunkPace) -> bool:
    """Work on a chunk of the next bulk action. Returns false if there is none that no other process works on."""
    database = services.database
    for account_id, action_id in _in_turn(await database.rows(UNFINISHED)):
        statement = ACTION_TO_WORK + FOR_UPDATE_SKIP_LOCKED[database.engine]
        for action in await database.rows(statement, id=action_id, account=account_id):
            caller = Caller(account_id, action["started_by_id"] or 0, Role.OWNER, 0)
            context = Context(services, caller, Scope(caller.account_id, caller.user_id, caller.role))
            with work_of(account_id, "bulk"):
                await _work_on_chunk(context, action, pace)
            return True
    return False


def _in_turn(unfinished: Rows) -> list[tuple[int, int]]:
    """The account and id of each action: first the account that has waited longest, and of its actions the one that has."""
    latest: dict[int, int] = {}
    for action in unfinished:
        latest[action["account_id"]] = max(latest.get(action["account_id"], 0), action["worked_at"])
    ordered = sorted(unfinished, key=lambda action: (latest[action["account_id"]], action["worked_at"], action["id"]))
    return [(action["account_id"], action["id"]) for action in ordered]


async def _work_on_chunk(context: Context, action: Action, pace: ChunkPace) -> None:
    try:
        position = TargetPosition(stored_target(orjson.loads(action["target"])), action["position"], pace.size)
        following = NextContacts(position, []) if action["undoes_id"] else await find_next_contacts(context, position)
        with pace.timed(context.services.database.writes_wait):
            await write(context, ChangeCause.BULK_ACTION, lambda change: _write_chunk(context, change, action, following))
    except UNREACHABLE:
        raise
    except Conflict:
        # Not the action's fault: others get their turns, and it is tried again later.
        await context.services.database.rows(POSTPONE_ACTION, id=action["id"], account=action["account_id"], at=_now(context))
        raise
    except MusterError as reason:
        await _fail(context, action, reason.message)
    except Exception:
        error_id = secrets.token_hex(8)
        structlog.get_logger().exception("bulk action failed", error_id=error_id, action=action["id"])
        await _fail(context, action, f"Something went wrong on our side. Quote error id {error_id} when you report it.")


async def _fail(context: Context, action: Action, reason: str) -> None:
    given = {"id": action["id"], "account": action["account_id"], "reason": reason, "at": _now(context)}
    await context.services.database.rows(FAIL_ACTION, **given)


def _now(context: Context) -> int:
    return to_microseconds(context.services.wall_clock())


async def _write_chunk(context: Context, change: Change, action: Action, following: NextContacts) -> None:
    key = {"id": action["id"], "account": change.account_id}
    lock = LOCK_ACTION_TO_WORK + FOR_UPDATE_SKIP_LOCKED[change.database.engine]
    if not await change.database.rows(lock, **key, position=action["position"]):
        return  # another process has been faster
    progress = await (_undo_chunk(context, change, action) if action["undoes_id"] else _change_chunk(context, change, action, following))
    at = to_microseconds(change.at)
    await change.database.rows(
        ADVANCE_ACTION,
        **key,
        state=BulkActionState.COMPLETED if progress.is_last else BulkActionState.RUNNING,
        position=progress.position,
        reached=progress.reached,
        changed=progress.outcome.changed,
        kept=progress.outcome.kept,
        at=at,
        finished=at if progress.is_last else None,
    )


async def _change_chunk(context: Context, change: Change, action: Action, following: NextContacts) -> Progress:
    document = orjson.loads(action["change"])
    await check_needs(change, stored_needs(document))  # first: without them the target's criteria would mean something else
    chunk = await take_chunk(context, change, following)
    bulk_change = stored_change(document, context.services.record_types)
    outcome = await bulk_change.apply(change, chunk.present) if chunk.present else Outcome(0)
    if outcome.changed:
        await store_inverse(change, action["id"], chunk.last_id, outcome)
    return Progress(chunk.last_id, len(chunk.reached), outcome, chunk.is_last)


async def _undo_chunk(context: Context, change: Change, action: Action) -> Progress:
    stored = await take_inverse(change, action["undoes_id"])
    if stored is None:
        return Progress(action["position"], 0, Outcome(0), is_last=True)
    bulk_change = stored_change(orjson.loads(action["change"]), context.services.record_types)
    outcome = await bulk_change.revert(change, stored.inverse)
    return Progress(stored.position, stored.contacts, outcome, is_last=False)
