"""Carrying bulk actions on, chunk by chunk, in whichever process is free: a chunk, and the note that it is done, commit together.

Whoever works on an action has its row locked until the chunk commits. A process that dies lets go of it, and another one
goes on from the last chunk that was completed: nobody waits for a lease to run out, and nothing is done twice.
"""

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import orjson
import structlog

from models import BulkActionState, ChangeCause, Role
from models.engine.database import UNREACHABLE, Database
from models.errors import Conflict, DatabaseNotWritable, MusterError
from models.fields import to_microseconds
from resolvers.bulk.changes import stored_change
from resolvers.bulk.chunks import Ahead, TargetPosition, look_ahead, take
from resolvers.bulk.inverses import keep, use_up
from resolvers.bulk.needs import look_up, stored_needs
from resolvers.bulk.outcome import Outcome
from resolvers.bulk.pace import Pace
from resolvers.bulk.targets import stored_target
from resolvers.membership.change import Change
from resolvers.operation.context import Caller, Context, Services
from resolvers.operation.scope import Scope
from resolvers.write import write

Action = Mapping[str, Any]  # the row of one

NEXT = """
    SELECT id, account_id, target, change, position, started_by_id, undoes_id FROM bulk_actions
    WHERE state IN ('QUEUED', 'RUNNING') ORDER BY worked_at, id LIMIT 1
"""
LOCK = "SELECT id FROM bulk_actions WHERE id = :id AND position = :position AND state IN ('QUEUED', 'RUNNING')"
SKIP_LOCKED = " FOR NO KEY UPDATE SKIP LOCKED"
ADVANCE = """
    UPDATE bulk_actions SET state = :state, position = :position, processed = processed + :reached, changed = changed + :changed,
    kept = kept + :kept, total = CASE WHEN processed + :reached > total THEN processed + :reached ELSE total END,
    started_at = coalesce(started_at, :at), worked_at = :at, finished_at = :finished WHERE id = :id
"""
PUT_BACK = "UPDATE bulk_actions SET worked_at = :at WHERE id = :id"
FAIL = """
    UPDATE bulk_actions SET state = 'FAILED', finished_at = :at,
    error = CAST(:reason AS text) || ' Stopped after ' || processed || ' of ' || total || ' contacts.'
    WHERE id = :id AND state IN ('QUEUED', 'RUNNING')
"""


class Step(NamedTuple):
    """What was done in one chunk."""

    position: int
    reached: int
    outcome: Outcome
    is_last: bool


async def work(services: Services) -> None:
    """Carry all bulk actions on, one chunk of each in turn, until there is nothing left that nobody else works on."""
    pace = Pace(services.bulk_chunk)
    while await work_on_next(services, pace):
        pass


async def work_on_next(services: Services, pace: Pace) -> bool:
    """Work on a chunk of the bulk action that has waited longest; false if there is none."""
    database = services.database
    for row in await database.rows(NEXT + _skipping(database)):
        caller = Caller(row["account_id"], row["started_by_id"] or 0, Role.OWNER, 0)
        context = Context(services, caller, Scope(caller.account_id, caller.user_id, caller.role))
        await _carry_on(context, row, pace)
        return True
    return False


def _skipping(database: Database) -> str:
    return SKIP_LOCKED if database.engine == "postgresql" else ""


async def _carry_on(context: Context, action: Action, pace: Pace) -> None:
    action_id = action["id"]
    try:
        place = TargetPosition(stored_target(orjson.loads(action["target"])), action["position"], pace.size)
        ahead = Ahead(place, []) if action["undoes_id"] else await look_ahead(context, place)
        with pace.timed():
            await write(context, ChangeCause.BULK_ACTION, partial(_next_chunk, context, action, ahead))
    except (*UNREACHABLE, DatabaseNotWritable):
        raise
    except Conflict:
        # Not the action's fault: it is tried again later, and does not keep the others from their turns.
        await context.services.database.rows(PUT_BACK, id=action_id, at=_now(context))
        raise
    except MusterError as reason:
        await _fail(context, action_id, reason.message)
    except Exception:
        error_id = secrets.token_hex(8)
        structlog.get_logger().exception("bulk action failed", error_id=error_id, action=action_id)
        await _fail(context, action_id, f"Something went wrong on our side. Quote error id {error_id} when you report it.")


async def _fail(context: Context, action_id: int, reason: str) -> None:
    await context.services.database.rows(FAIL, id=action_id, reason=reason, at=_now(context))


def _now(context: Context) -> int:
    return to_microseconds(context.services.wall_clock())


async def _next_chunk(context: Context, action: Action, ahead: Ahead, change: Change) -> None:
    action_id = action["id"]
    # Nobody, if another process has been faster.
    for _ in await change.database.rows(LOCK + _skipping(change.database), id=action_id, position=action["position"]):
        step = await (_undo_chunk(context, change, action) if action["undoes_id"] else _change_chunk(context, change, action, ahead))
        at = to_microseconds(change.at)
        await change.database.rows(
            ADVANCE,
            id=action_id,
            state=BulkActionState.COMPLETED if step.is_last else BulkActionState.RUNNING,
            position=step.position,
            reached=step.reached,
            changed=step.outcome.changed,
            kept=step.outcome.kept,
            at=at,
            finished=at if step.is_last else None,
        )


async def _change_chunk(context: Context, change: Change, action: Action, ahead: Ahead) -> Step:
    document = orjson.loads(action["change"])
    await look_up(change, stored_needs(document))  # before the target is asked, which would understand its criteria in another way
    chunk = await take(context, change, ahead)
    bulk_change = stored_change(document, context.services.record_types)
    outcome = await bulk_change.carry_out(change, chunk.present) if chunk.present else Outcome(0)
    if outcome.changed:
        await keep(change, action["id"], chunk.position, outcome)
    return Step(chunk.position, len(chunk.reached), outcome, chunk.is_last)


async def _undo_chunk(context: Context, change: Change, action: Action) -> Step:
    kept = await use_up(change, action["undoes_id"])
    if kept is None:
        return Step(action["position"], 0, Outcome(0), is_last=True)
    bulk_change = stored_change(orjson.loads(action["change"]), context.services.record_types)
    outcome = await bulk_change.revert(change, kept.inverse)
    return Step(kept.position, kept.contacts, outcome, is_last=False)
