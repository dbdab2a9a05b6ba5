"""Reading which groups contacts are in, and when they left those that they are no longer in."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from models.audience import Audience, read_audience
from models.engine.database import Database
from models.fields import from_microseconds
from models.groups import CONTACT_TYPE

PRESENT = f"""
    SELECT member.record_id AS contact_id, groups.account_id, groups.id AS group_id, groups.owner_id, groups.view, member.joined_at
    FROM group_members AS member JOIN groups ON groups.members_id = member.set_id
    WHERE member.record_id = ANY(:contacts) AND groups.record_type = '{CONTACT_TYPE}' AND groups.replaces_id IS NULL
    UNION ALL
    SELECT id, account_id, NULL, NULL, NULL, NULL FROM contacts WHERE id = ANY(:contacts)
"""  # noqa: S608  # a name of ours
PRESENT_IN = PRESENT.replace("groups.replaces_id IS NULL", "groups.replaces_id IS NULL AND groups.id = ANY(:groups)")
# Only the end of a log is searched, because the leave has only just happened.
LEFT = """
    SELECT pair.contact_id, groups.account_id, groups.id AS group_id, groups.owner_id, groups.view, max(event.occurred_at) AS left_at
    FROM ROWS(:pairs AS pair(contact_id bigint, group_id bigint)) JOIN groups ON groups.id = pair.group_id
    LEFT JOIN group_events AS event
    ON event.group_id = groups.id AND event.epoch = groups.epoch AND event.position > groups.position - 100
    AND replace(replace(event."left", '[', ','), ']', ',') LIKE '%,' || pair.contact_id || ',%'
    GROUP BY pair.contact_id, groups.account_id, groups.id, groups.owner_id, groups.view
"""


class Pair(NamedTuple):
    """A contact and a group."""

    contact_id: int
    group_id: int


@dataclass(frozen=True, slots=True)
class Membership:
    """A contact's membership of a group: since when, or until when if it has ended, and who may view the group."""

    group_id: int
    account_id: int
    owner_id: int | None
    audience: Audience
    at: datetime | None


@dataclass(slots=True)
class Found:
    """An existing contact and its groups."""

    account_id: int
    groups: dict[int, Membership] = field(default_factory=dict)


async def memberships(database: Database, contact_ids: Iterable[int], group_ids: Collection[int] | None) -> dict[int, Found]:
    """Those of these contacts that exist, each with its groups: all of them, or only those with these ids."""
    contacts = sorted(contact_ids)
    if group_ids is None:
        rows = await database.rows(PRESENT, contacts=contacts)
    else:
        rows = await database.rows(PRESENT_IN, contacts=contacts, groups=sorted(group_ids))
    found = {row["contact_id"]: Found(row["account_id"]) for row in rows if row["group_id"] is None}
    for row in rows:
        if row["group_id"] is not None and row["contact_id"] in found:
            found[row["contact_id"]].groups[row["group_id"]] = _membership(row, row["joined_at"])
    return found


async def departures(database: Database, pairs: Mapping[Pair, Membership]) -> dict[Pair, Membership]:
    """When each contact left the group that it was in, by the newest entry of the group's log that says so."""
    if not pairs:
        return {}
    rows = await database.rows(LEFT, pairs=[pair._asdict() for pair in pairs])
    read = {Pair(row["contact_id"], row["group_id"]): _membership(row, row["left_at"]) for row in rows}
    return {pair: read.get(pair) or _ended_with_its_group(was) for pair, was in pairs.items()}


def _ended_with_its_group(was: Membership) -> Membership:
    return Membership(was.group_id, was.account_id, was.owner_id, was.audience, None)


def _membership(row: Mapping[str, Any], at: int | None) -> Membership:
    return Membership(
        group_id=row["group_id"],
        account_id=row["account_id"],
        owner_id=row["owner_id"],
        audience=read_audience(row["view"]),
        at=None if at is None else from_microseconds(at),
    )
