"""Bulk actions as clients see them: starting, cancelling, undoing, finding and watching them."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from models import BulkAction, BulkActionState, ChangeCause
from models.bulk import SHOWN
from models.errors import ProblemCode, refuse
from models.fields import to_microseconds
from models.orm.keyset import Order
from resolvers.access.roles import require_editor
from resolvers.bulk.changes import read_change
from resolvers.bulk.inverses import contacts_kept
from resolvers.bulk.needs import look_up
from resolvers.bulk.outcome import Document
from resolvers.bulk.rehearsal import BulkPreview, rehearse
from resolvers.bulk.targets import Target, read_target
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, id_or_none, unknown
from resolvers.reading import paging
from resolvers.reading.paging import Page, PageArguments
from resolvers.values.validation import Problems, required_text
from resolvers.write import write
from subscriptions.progress import follow_progress

LONGEST_KEY = 100
MOST_ACTIVE = 100  # bulk actions of one account at once: they take turns
ACTIVE = (BulkActionState.QUEUED, BulkActionState.RUNNING)
NEWEST_FIRST = Order("bulkActions", descending=True)

CANCEL = """
    UPDATE bulk_actions SET state = 'CANCELLED', finished_at = :at
    WHERE id = :id AND account_id = :account AND state IN ('QUEUED', 'RUNNING')
"""
LOCK = "SELECT id FROM bulk_actions WHERE id = :id AND account_id = :account"


@dataclass(frozen=True, slots=True)
class Started:
    """The action that was started, or what it would do."""

    action: BulkAction | None = None
    preview: BulkPreview | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a client asks for; two starts with the same key and the same fingerprint ask for the same."""

    target: Target
    total: int
    change: Mapping[str, Any]
    key: str | None
    fingerprint: str


async def bulk_action(context: Context, action_id: str) -> BulkAction | None:
    """The bulk action, if it exists."""
    number = id_or_none(action_id, "BulkAction")
    return None if number is None else await context.loaders.bulk_actions_by_id.load(number)


async def bulk_actions(context: Context, page: PageArguments) -> Page[BulkAction]:
    """The account's bulk actions, the newest first."""
    return await paging.page(context.scope.bulk_actions.only(*SHOWN), page, order=NEWEST_FIRST, limits=context.services.pages)


def progress(context: Context, action_id: str) -> AsyncIterator[BulkAction]:
    """The bulk action as it is now, then whenever it has come further, and at last as it ended."""
    number = id_of(action_id, "BulkAction", "bulk action")
    return follow_progress(context.services.hub.actions, context.caller.account_id, number)


async def start_bulk_action(
    context: Context, *, target: Mapping[str, Any], change: Mapping[str, Any], dry_run: bool = False, idempotency_key: str | None = None
) -> Started:
    """Begin to change many contacts, or find out what that would do. The same key starts the same action once."""
    require_editor(context)
    key = _checked_key(idempotency_key)
    if dry_run:
        return Started(preview=await rehearse(context, await read_target(context, target), partial(read_change, context, change)))
    # First of all, for what the action has done may keep its own target from being found again.
    fingerprint = _fingerprint(target, change) if key else ""
    if earlier := await _earlier(context, key, fingerprint):
        return Started(earlier)
    found = await read_target(context, target)
    wanted = _Wanted(found, await found.total(context), change, key, fingerprint)
    action_id = await write(context, ChangeCause.BULK_ACTION, partial(_begin, context, wanted))
    context.services.bulk_started.wake()
    return Started(await context.scope.bulk_actions.get(id=action_id))


def _checked_key(key: str | None) -> str | None:
    problems = Problems()
    checked = None if key is None else problems.attempt(partial(required_text, longest=LONGEST_KEY), key, "input", "idempotencyKey")
    problems.raise_any()
    return checked


def _fingerprint(*given: Document) -> str:
    try:
        written = json.dumps(given, default=str, sort_keys=True)
    except RecursionError:
        message = "The values are nested too deeply. No field takes more than a list of texts."
        raise refuse(ProblemCode.INVALID, message, "input", "change") from None
    return sha256(written.encode()).hexdigest()


async def _earlier(context: Context, key: str | None, fingerprint: str) -> BulkAction | None:
    """What was started with this key before; refused if that was something else."""
    found = None if key is None else await context.scope.bulk_actions.get_or_none(idempotency_key=key)
    if found and found.fingerprint != fingerprint:
        message = "This key belongs to a bulk action that does something else. Choose another key."
        raise refuse(ProblemCode.CONFLICT, message, "input", "idempotencyKey")
    return found


async def _begin(context: Context, wanted: _Wanted, change: Change) -> int:
    if earlier := await _earlier(context, wanted.key, wanted.fingerprint):
        return int(earlier.pk)
    bulk_change = await read_change(context, wanted.change, change)
    needs = await look_up(change, {*wanted.target.needs, *bulk_change.needs})
    values = {"target": wanted.target.document(), "change": {**bulk_change.document(), "needs": [[*need] for need in needs]}}
    given = {"total": wanted.total, "idempotency_key": wanted.key, "fingerprint": wanted.fingerprint}
    return await _create(context, change, values | given)


async def _create(context: Context, change: Change, values: Mapping[str, Any]) -> int:
    if await context.scope.bulk_actions.filter(state__in=ACTIVE).count() >= MOST_ACTIVE:
        message = f"{MOST_ACTIVE} bulk actions are waiting or running. Wait until one has ended, or cancel one."
        raise refuse(ProblemCode.LIMIT_EXCEEDED, message)
    created = await BulkAction.create(
        **values,
        account_id=change.account_id,
        state=BulkActionState.QUEUED,
        started_by_id=change.actor_id,
        created_at=change.at,
        worked_at=change.at,
    )
    return int(created.pk)


async def cancel_bulk_action(context: Context, action_id: str) -> BulkAction:
    """The bulk action, which stops after the chunk that is being worked on; what is done stays done."""
    require_editor(context)
    number = id_of(action_id, "BulkAction", "bulk action")
    at = to_microseconds(context.services.wall_clock())
    await context.services.database.rows(CANCEL, id=number, account=context.caller.account_id, at=at)
    action = await context.scope.bulk_actions.get_or_none(id=number)
    if action is None:
        raise unknown("bulk action")
    if action.state is not BulkActionState.CANCELLED:
        raise refuse(ProblemCode.CONFLICT, "It has already ended. What it did can be undone.", "id")
    return action


async def undo_bulk_action(context: Context, action_id: str) -> BulkAction:
    """A new bulk action that takes back what is still as this one left it."""
    require_editor(context)
    number = id_of(action_id, "BulkAction", "bulk action")
    undo_id = await write(context, ChangeCause.BULK_ACTION, partial(_begin_undo, context, number))
    context.services.bulk_started.wake()
    return await context.scope.bulk_actions.get(id=undo_id)


async def _begin_undo(context: Context, action_id: int, change: Change) -> int:
    lock = " FOR NO KEY UPDATE" if change.database.engine == "postgresql" else ""
    await change.database.rows(LOCK + lock, id=action_id, account=change.account_id)  # two undos at once would share the work
    action = await context.scope.bulk_actions.get_or_none(id=action_id)
    if action is None:
        raise unknown("bulk action")
    kept = await contacts_kept(change.database, action_id)
    await _refuse_undo(context, action, kept)
    values = {"target": action.target, "change": action.change, "total": kept, "undoes_id": action_id}
    return await _create(context, change, {**values, "fingerprint": ""})


async def _refuse_undo(context: Context, action: BulkAction, kept: int) -> None:
    if action.is_active:
        raise refuse(ProblemCode.CONFLICT, "It is still at work. Cancel it, or wait until it has ended.", "id")
    if action.undoes_id is not None:
        raise refuse(ProblemCode.INVALID, "This is an undo, which cannot be undone. Start the action anew.", "id")
    if await context.scope.bulk_actions.filter(undoes_id=action.pk, state__in=(*ACTIVE, BulkActionState.COMPLETED)).exists():
        raise refuse(ProblemCode.CONFLICT, "It has been undone already, or is just being undone.", "id")
    if not kept:
        raise refuse(ProblemCode.NOT_FOUND, "There is nothing to undo: it changed nothing, or too long ago.", "id")


async def undoes(context: Context, action: BulkAction) -> BulkAction | None:
    """The action that this one undoes, if it is an undo."""
    return None if action.undoes_id is None else await context.loaders.bulk_actions_by_id.load(action.undoes_id)


async def undone_by(context: Context, action: BulkAction) -> BulkAction | None:
    """The latest action that undoes this one, if anybody asked for it."""
    return await context.loaders.undo_by_bulk_action.load(action.pk)
