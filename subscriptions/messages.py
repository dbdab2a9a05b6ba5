"""What a watcher of a group is told, in its final order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models import ChangeCause, RecordType


class ResetReason(StrEnum):
    """Why a watcher has to read the members anew."""

    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    CURSOR_UNKNOWN = "CURSOR_UNKNOWN"
    GROUP_REBUILT = "GROUP_REBUILT"


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """Records joined and left between two versions; `member_count` is the count at `to_version`."""

    group_id: int
    record_type: RecordType
    cursor: str
    from_version: int
    to_version: int
    member_count: int
    joined_ids: tuple[int, ...]
    left_ids: tuple[int, ...]
    cause: ChangeCause
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class GroupReset:
    """The log cannot lead on from where the watcher stands; `group_id` is None once the group is gone."""

    group_id: int | None
    cursor: str
    member_count: int
    reason: ResetReason


@dataclass(frozen=True, slots=True)
class DefinitionChanged:
    """The group's criteria changed; the joins and leaves that follow from it come next."""

    group_id: int
    cursor: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing has happened since the last message; an idle watcher is current at this version."""

    cursor: str
    version: int
    member_count: int


@dataclass(frozen=True, slots=True)
class GroupCount:
    """How many members a group has at a version."""

    group_id: int
    member_count: int
    version: int


Message = MembersChanged | GroupReset | DefinitionChanged | Heartbeat
