"""The audit log. Entries are written in the transaction of the change, and read by admins of the account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from tortoise.queryset import QuerySet

from models import AuditAction, AuditEntry, Role
from models.audience import EVERYONE, read_audience
from models.engine.database import Database
from models.errors import BadInput
from models.fields import to_microseconds
from models.orm.keyset import Order
from models.text import storable
from resolvers.access.roles import outranks, require_admin
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of
from resolvers.reading import paging
from resolvers.reading.paging import Edge, Page, PageArguments

MOST_BYTES = 4_096  # of one value, so that frequent edits of large criteria do not fill the log
NEWEST_FIRST = Order("auditLog", descending=True)
PRUNE = "DELETE FROM audit_entries WHERE occurred_at < :before"

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What was done to what. `audience` holds the marks of those who may read the name and the values."""

    action: AuditAction
    subject: str
    name: str
    before: Values | None = None
    after: Values | None = None
    audience: str = EVERYONE.marks()


async def record(context: Context, change: Change, audited: Audited) -> None:
    """Write an entry, in the transaction of the change. An update that changes nothing has none."""
    before, after = _differing(audited.before, audited.after)
    if before == {} == after:
        return
    await AuditEntry.create(
        account_id=change.account_id,
        occurred_at=change.at,
        actor_id=change.actor_id,
        token_id=context.caller.token_id or None,
        token_maker_id=context.caller.token_maker_id,
        action=audited.action,
        subject=audited.subject,
        subject_name=audited.name,
        before=_bounded(before),
        after=_bounded(after),
        audience=audited.audience,
    )


def _differing(before: Values | None, after: Values | None) -> tuple[Values | None, Values | None]:
    """Return only the values that differ, if there are values before and after."""
    if before is None or after is None:
        return before, after
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def _bounded(values: Values | None) -> Values | None:
    return None if values is None else {name: _short(value) for name, value in values.items()}


def _short(value: Any) -> Any:
    size = len(orjson.dumps(value))
    return value if size <= MOST_BYTES else {"omitted": f"{size} bytes"}


async def audit_log(context: Context, where: Mapping[str, Any] | None, page: PageArguments) -> Page[AuditEntry]:
    """Return a page of the account's entries that a filter selects, the newest first."""
    require_admin(context)
    found = _filtered(context.scope.audit_entries, where or {})
    rows = await paging.page(found, page, order=NEWEST_FIRST, limits=context.services.pages)
    return rows.with_edges([Edge(edge.cursor, _as_seen(context, edge.node)) for edge in rows.edges])


async def audit_entries(context: Context, numbers: Sequence[int]) -> list[AuditEntry | None]:
    """Return the entries with these numbers, or nothing but None if the caller may not read the log."""
    if outranks(Role.ADMIN, context.caller.role):
        return [None] * len(numbers)
    return [found and _as_seen(context, found) for found in await context.loaders.audit_entries_by_id.load_many(numbers)]


def _filtered(entries: QuerySet[AuditEntry], where: Mapping[str, Any]) -> QuerySet[AuditEntry]:
    given = {name: value for name, value in where.items() if value is not None}
    if "actor_id" in given:
        entries = entries.filter(actor_id=id_of(given["actor_id"], "User", "user"))
    if "actions" in given:
        entries = entries.filter(action__in=sorted(set(given["actions"])))
    if "subject_id" in given:
        entries = entries.filter(subject=_storable(given["subject_id"]))
    if "since" in given:
        entries = entries.filter(occurred_at__gte=given["since"])
    if "until" in given:
        entries = entries.filter(occurred_at__lt=given["until"])
    return entries


def _storable(subject: str) -> str:
    if not storable(subject):
        raise BadInput("`subjectId` holds a character that no id holds. Use ids exactly as this API returned them.")
    return subject


def _as_seen(context: Context, entry: AuditEntry) -> AuditEntry:
    """Hide the name and the values of a group that the caller could not view."""
    if not read_audience(entry.audience).permits(None, context.caller.people):
        entry.update_from_dict({"subject_name": None, "before": None, "after": None})
    return entry


async def prune(database: Database, *, before: datetime) -> None:
    """Delete the entries from before this moment."""
    await database.rows(PRUNE, before=to_microseconds(before))
