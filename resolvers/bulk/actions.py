"""Bulk actions as clients use them: starting, cancelling, undoing, reading and watching them."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from models import BulkAction, BulkActionState, ChangeCause
from models.bulk import SHOWN
from models.errors import ProblemCode, refuse
from models.fields import to_microseconds
from models.orm.keyset import Order
from resolvers.access.roles import require_editor
from resolvers.bulk.bulk_change import Document
from resolvers.bulk.changes import read_change
from resolvers.bulk.inverses import undoable_contacts
from resolvers.bulk.needs import check_needs
from resolvers.bulk.preview import BulkPreview, preview
from resolvers.bulk.statements import CANCEL_ACTION, FOR_UPDATE, LOCK_ACTION
from resolvers.bulk.summary import counts_are_shown
from resolvers.bulk.targets import BulkTarget, read_target
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, id_or_none, unknown
from resolvers.reading import paging
from resolvers.reading.paging import Page, PageArguments
from resolvers.values.validation import Problems, required_text
from resolvers.write import write
from subscriptions.progress import follow_progress

LONGEST_KEY = 100
MOST_ACTIVE = 100  # unfinished bulk actions of one account: they take turns
ACTIVE = (BulkActionState.QUEUED, BulkActionState.RUNNING)
NEWEST_FIRST = Order("bulkActions", descending=True)


@dataclass(frozen=True, slots=True)
class Started:
    """The action that was started, or what it would do."""

    action: BulkAction | None = None
    preview: BulkPreview | None = None


@dataclass(frozen=True, slots=True)
class _Start:
    """What a client starts. Two starts with the same key and the same fingerprint are the same action."""

    target: BulkTarget
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
    """Yield the bulk action as it is now, then after every progress, and finally as it ended."""
    number = id_of(action_id, "BulkAction", "bulk action")
    return follow_progress(context.services.hub.actions, context.caller.account_id, number)


async def start_bulk_action(
    context: Context, *, target: Mapping[str, Any], change: Mapping[str, Any], dry_run: bool = False, idempotency_key: str | None = None
) -> Started:
    """Start changing many contacts, or find out what that would do. A key starts its action once, however often it is sent."""
    require_editor(context)
    key = _checked_key(idempotency_key)
    if dry_run:
        read = await read_target(context, target)
        return Started(preview=await preview(context, read, lambda pending: read_change(context, change, pending)))
    # Before the target is read: the action may have deleted what its target refers to.
    fingerprint = _fingerprint(target, change) if key else ""
    if earlier := await _earlier(context, key, fingerprint):
        return Started(earlier)
    found = await read_target(context, target)
    start = _Start(found, await found.total(context), change, key, fingerprint)
    action_id = await write(context, ChangeCause.BULK_ACTION, lambda pending: _store(context, start, pending))
    context.services.bulk_started.wake()
    return Started(await context.scope.bulk_actions.get(id=action_id))


def _checked_key(key: str | None) -> str | None:
    problems = Problems()
    checked = None if key is None else problems.attempt(_key_text, key, "input", "idempotencyKey")
    problems.raise_any()
    return checked


def _key_text(key: object) -> str:
    return required_text(key, LONGEST_KEY)


def _fingerprint(*given: Document) -> str:
    try:
        written = json.dumps(given, default=str, sort_keys=True)
    except RecursionError:
        message = "The values are nested too deeply. No field takes more than a list of texts."
        raise refuse(ProblemCode.INVALID, message, "input", "change") from None
    return sha256(written.encode()).hexdigest()


async def _earlier(context: Context, key: str | None, fingerprint: str) -> BulkAction | None:
    """The action that was started with this key before. Raises a problem if it was another one."""
    found = None if key is None else await context.scope.bulk_actions.get_or_none(idempotency_key=key)
    if found and found.fingerprint != fingerprint:
        message = "This key belongs to a bulk action that does something else. Choose another key."
        raise refuse(ProblemCode.CONFLICT, message, "input", "idempotencyKey")
    return found


async def _store(context: Context, start: _Start, change: Change) -> int:
    if earlier := await _earlier(context, start.key, start.fingerprint):
        return int(earlier.pk)
    bulk_change = await read_change(context, start.change, change)
    needs = await check_needs(change, {*start.target.needs, *bulk_change.needs})
    values = {"target": start.target.document(), "change": {**bulk_change.document(), "needs": [[*need] for need in needs]}}
    given = {"total": start.total, "idempotency_key": start.key, "fingerprint": start.fingerprint}
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
    """Stop the bulk action after the chunk that is being worked on. What it has changed stays changed."""
    require_editor(context)
    number = id_of(action_id, "BulkAction", "bulk action")
    at = to_microseconds(context.services.wall_clock())
    await context.services.database.rows(CANCEL_ACTION, id=number, account=context.caller.account_id, at=at)
    action = await context.scope.bulk_actions.get_or_none(id=number)
    if action is None:
        raise unknown("bulk action")
    if action.state is not BulkActionState.CANCELLED:
        raise refuse(ProblemCode.CONFLICT, "It has already ended. What it did can be undone.", "id")
    return action


async def undo_bulk_action(context: Context, action_id: str) -> BulkAction:
    """Start a bulk action that restores what this one changed, where that has not changed again since."""
    require_editor(context)
    number = id_of(action_id, "BulkAction", "bulk action")
    undo_id = await write(context, ChangeCause.BULK_ACTION, lambda change: _store_undo(context, number, change))
    context.services.bulk_started.wake()
    return await context.scope.bulk_actions.get(id=undo_id)


async def _store_undo(context: Context, action_id: int, change: Change) -> int:
    lock = LOCK_ACTION + FOR_UPDATE[change.database.engine]
    await change.database.rows(lock, id=action_id, account=change.account_id)  # two undos at once would take each other's inverses
    action = await context.scope.bulk_actions.get_or_none(id=action_id)
    if action is None:
        raise unknown("bulk action")
    contacts = await undoable_contacts(change.database, change.account_id, action_id)
    await _check_undo(context, action, contacts)
    values = {"target": action.target, "change": action.change, "total": contacts, "undoes_id": action_id}
    return await _create(context, change, {**values, "fingerprint": ""})


async def _check_undo(context: Context, action: BulkAction, contacts: int) -> None:
    """Raise a problem if the action cannot be undone now."""
    if action.is_active:
        raise refuse(ProblemCode.CONFLICT, "It is still at work. Cancel it, or wait until it has ended.", "id")
    if action.undoes_id is not None:
        raise refuse(ProblemCode.INVALID, "This is an undo, which cannot be undone. Start the action anew.", "id")
    if await context.scope.bulk_actions.filter(undoes_id=action.pk, state__in=(*ACTIVE, BulkActionState.COMPLETED)).exists():
        raise refuse(ProblemCode.CONFLICT, "It has been undone already, or is just being undone.", "id")
    if not contacts:
        raise refuse(ProblemCode.NOT_FOUND, "There is nothing to undo: it changed nothing, or too long ago.", "id")


async def shown_count(context: Context, action: BulkAction, count: int) -> int | None:
    """Return a count of the action, or None if the caller may not view a group that it names: it would show the group's size."""
    return count if await counts_are_shown(context, action) else None


async def undoes(context: Context, action: BulkAction) -> BulkAction | None:
    """The action that this one undoes, if it is an undo."""
    return None if action.undoes_id is None else await context.loaders.bulk_actions_by_id.load(action.undoes_id)


async def undone_by(context: Context, action: BulkAction) -> BulkAction | None:
    """The latest action that undoes this one, if there is one."""
    return await context.loaders.undo_by_bulk_action.load(action.pk)
