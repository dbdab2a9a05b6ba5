"""The messages that watchers receive."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from models import ChangeCause, EventKind, Group
from subscriptions.cursor import Cursor
from subscriptions.log import Entry, Head


class Shareable:
    """A message that holds all that the answer to it depends on, so that equal messages share one answer."""

    __slots__ = ()


class ResetReason(StrEnum):
    """Why a watcher has to read the members again."""

    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    CURSOR_UNKNOWN = "CURSOR_UNKNOWN"
    GROUP_REBUILT = "GROUP_REBUILT"


@dataclass(frozen=True, slots=True)
class MembersChanged(Shareable):
    """Records joined and left between two versions. `member_count` is the count at `to_version`."""

    group_id: int
    record_type: str
    cursor: str
    from_version: int
    to_version: int
    member_count: int
    joined_ids: tuple[int, ...]
    left_ids: tuple[int, ...]
    cause: ChangeCause
    occurred_at: datetime

    def __hash__(self) -> int:
        return hash(self.cursor)  # rather than all ids, because every watcher looks the message up


@dataclass(frozen=True, slots=True)
class GroupReset(Shareable):
    """The changes since the watcher's position are not all available: read the members again. `group_id` is None for a deleted group."""

    group_id: int | None
    cursor: str
    member_count: int
    reason: ResetReason


@dataclass(frozen=True, slots=True)
class DefinitionChanged(Shareable):
    """The group's criteria changed. The joins and leaves that follow from it come next."""

    group_id: int
    cursor: str


@dataclass(frozen=True, slots=True)
class Heartbeat(Shareable):
    """Nothing has happened since the last message: the watcher is current at this version."""

    cursor: str
    version: int
    member_count: int


@dataclass(frozen=True, slots=True)
class GroupCount(Shareable):
    """How many members a group has at a version."""

    group_id: int
    member_count: int
    version: int


@dataclass(frozen=True, slots=True)
class ContactGroupChange(Shareable):
    """A contact joined or left a group. `last_known` is the group as it was first seen, in case it has been deleted since."""

    contact_id: int
    group_id: int
    joined: bool
    occurred_at: datetime
    last_known: Group = field(compare=False)


Message = MembersChanged | GroupReset | DefinitionChanged | Heartbeat


class Step(NamedTuple):
    """A message, and the position of a watcher that has received it."""

    cursor: Cursor
    message: Message


def step_of(head: Head, entry: Entry) -> Step:
    """The message about an entry in the log of this group."""
    cursor = Cursor(head.group_id, head.epoch, entry.position)
    return Step(cursor, _message_of(head, entry, str(cursor)))


def _message_of(head: Head, entry: Entry, cursor: str) -> Message:
    if entry.kind is EventKind.DEFINITION:
        return DefinitionChanged(head.group_id, cursor)
    return MembersChanged(
        group_id=head.group_id,
        record_type=head.record_type,
        cursor=cursor,
        from_version=entry.from_version,
        to_version=entry.to_version,
        member_count=entry.member_count,
        joined_ids=entry.joined,
        left_ids=entry.left,
        cause=entry.cause,
        occurred_at=entry.occurred_at,
    )
