"""Bulk actions: one change of many contacts, carried out in chunks, and what undoes each chunk."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.fields import SET_NULL, ForeignKeyNullableRelation, ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model
from typing_extensions import override

from models.fields import DocumentColumn, InstantColumn, TextColumn
from models.people import Account, User


class BulkActionState(StrEnum):
    """Whether a bulk action waits, runs, or has ended, and how."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


class BulkAction(Model):
    """One change of many contacts, on behalf of a user, and its progress.

    Contacts are processed ascending by id, and those up to `position` are done. `kept` counts the contacts of which an undo left something
    as it was, because it had changed since or was deleted. `fingerprint` shows whether a second start with the same key has the same input.
    The document of the change also names the tags, fields and groups that the action needs, as they were called when it was started.
    """

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    state = fields.CharEnumField(BulkActionState, max_length=9)
    target = DocumentColumn()
    change = DocumentColumn()
    total = fields.BigIntField()
    processed = fields.BigIntField(default=0)
    changed = fields.BigIntField(default=0)
    kept = fields.BigIntField(default=0)
    position = fields.BigIntField(default=0)
    started_by: ForeignKeyNullableRelation[User] = fields.ForeignKeyField("models.User", related_name=False, null=True, on_delete=SET_NULL)
    undoes_id = fields.BigIntField(null=True)
    idempotency_key = TextColumn(null=True)
    fingerprint = fields.CharField(max_length=64)
    created_at = InstantColumn()
    started_at = InstantColumn(null=True)
    worked_at = InstantColumn()
    finished_at = InstantColumn(null=True)
    error = TextColumn(null=True)
    account_id: int
    started_by_id: int | None

    class Meta:
        table = "bulk_actions"
        unique_together = (("account", "idempotency_key"),)
        indexes = (Index(fields=("account_id", "id")), Index(fields=("state", "worked_at")), Index(fields=("undoes_id",)))

    @property
    def is_active(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in (BulkActionState.QUEUED, BulkActionState.RUNNING)

    @property
    def progress(self) -> tuple[Any, ...]:
        """Everything that changes while it runs."""
        return self.pk, self.state, self.total, self.processed, self.changed, self.kept

    @override
    def __eq__(self, other: object) -> bool:
        # Watchers compare successive readings of a row: two are equal only if no progress was made in between.
        return isinstance(other, BulkAction) and self.progress == other.progress

    @override
    def __hash__(self) -> int:
        return hash(self.progress)


SHOWN = (
    *("id", "account_id", "state", "total", "processed", "changed", "kept", "position", "started_by_id", "undoes_id"),
    *("idempotency_key", "fingerprint", "created_at", "started_at", "worked_at", "finished_at", "error"),
)
"""The columns of an action that clients read: all but the target and the change, which may be large."""


class BulkInverse(Model):
    """What undoes one chunk of a bulk action, as compressed JSON. The chunk ended at the contact `position`."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    action: ForeignKeyRelation[BulkAction] = fields.ForeignKeyField("models.BulkAction", related_name=False)
    position = fields.BigIntField()
    contacts = fields.IntField()
    inverse = fields.BinaryField()
    account_id: int
    action_id: int

    class Meta:
        table = "bulk_inverses"
        unique_together = (("action", "position"),)
