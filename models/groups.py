"""Groups, their materialised membership, the append-only log of joins and leaves, and the logical clock."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields import SET_NULL, ForeignKeyNullableRelation, ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model

from models.fields import DocumentColumn, FoldedColumn, InstantColumn, TextColumn
from models.people import Account, User

CONTACT_TYPE = "CONTACT"  # the record type of contacts, which own the records of all other types
LONGEST_RECORD_TYPE = 11


class GroupState(StrEnum):
    """Whether the first membership is still being computed."""

    BUILDING = "BUILDING"
    READY = "READY"


class ChangeCause(StrEnum):
    """Why records joined or left."""

    RECORD_CHANGED = "RECORD_CHANGED"
    RECORD_CREATED = "RECORD_CREATED"
    RECORD_DELETED = "RECORD_DELETED"
    TAGS_CHANGED = "TAGS_CHANGED"
    TIME_PASSED = "TIME_PASSED"
    GROUP_EDITED = "GROUP_EDITED"
    BULK_ACTION = "BULK_ACTION"
    IMPORT = "IMPORT"


class EventKind(StrEnum):
    """What kind of change an entry of the log is."""

    MEMBERS = "MEMBERS"
    DEFINITION = "DEFINITION"


class Group(Model):
    """A saved search whose membership is kept up to date, with the head of its log: epoch, position, version and member count.

    `definition_version` is the account's definitions version at which the criteria got their present meaning. `members_id` is the set that
    holds its members, 0 until there is one. A group with `replaces_id` is hidden: it is the next membership of that group while it is being
    built, and all contacts up to `scanned_to` have been evaluated for it.
    """

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    name = TextColumn()
    name_folded = FoldedColumn()
    record_type = fields.CharField(max_length=LONGEST_RECORD_TYPE)
    criteria = DocumentColumn()
    owner: ForeignKeyNullableRelation[User] = fields.ForeignKeyField("models.User", related_name=False, null=True, on_delete=SET_NULL)
    view = TextColumn()
    edit = TextColumn()
    state = fields.CharEnumField(GroupState, max_length=8)
    epoch = fields.CharField(max_length=16)
    position = fields.BigIntField(default=0)
    version = fields.BigIntField(default=0)
    definition_version = fields.BigIntField(default=0)
    member_count = fields.BigIntField(default=0)
    members_id = fields.BigIntField(db_default=0)
    replaces_id = fields.BigIntField(null=True)
    scanned_to = fields.BigIntField(db_default=0)
    created_at = InstantColumn()
    updated_at = InstantColumn()
    account_id: int
    owner_id: int | None

    class Meta:
        table = "groups"
        indexes = (
            Index(fields=("account_id", "name_folded", "id")),
            Index(fields=("account_id", "definition_version")),
            Index(fields=("replaces_id",)),
        )


class GroupMember(Model):
    """A record in the set of a group's members, and since when. The record is of the group's record type."""

    id = fields.BigIntField(primary_key=True)
    account_id = fields.BigIntField()
    set_id = fields.BigIntField()
    record_id = fields.BigIntField()
    joined_at = InstantColumn()

    class Meta:
        table = "group_members"
        unique_together = (("set_id", "record_id"),)
        indexes = (Index(fields=("record_id", "set_id")), Index(fields=("set_id", "joined_at", "record_id")))


class RetiredSet(Model):
    """A set of members that belongs to no group any more and is deleted in parts. The id is the set's."""

    id = fields.BigIntField(primary_key=True, generated=False)

    class Meta:
        table = "retired_sets"


class GroupEvent(Model):
    """An entry of a group's log: the records that joined and left between two versions, at most 500 ids in an entry.

    `position` numbers the entries of an epoch without a gap. The members at a version are the fold of the entries up to it.
    """

    id = fields.BigIntField(primary_key=True)
    account_id = fields.BigIntField()
    group_id = fields.BigIntField()
    epoch = fields.CharField(max_length=16)
    position = fields.BigIntField()
    kind = fields.CharEnumField(EventKind, max_length=10)
    from_version = fields.BigIntField()
    to_version = fields.BigIntField()
    member_count = fields.BigIntField()
    cause = fields.CharEnumField(ChangeCause, max_length=14)
    joined = DocumentColumn()
    left = DocumentColumn()
    occurred_at = InstantColumn()

    class Meta:
        table = "group_events"
        unique_together = (("group_id", "epoch", "position"),)
        indexes = (Index(fields=("occurred_at",)),)


class Clock(Model):
    """The logical clock: conditions are evaluated at `now`, and membership is up to date with time as of `settled`.

    `confirmed` is the time by which old rows are deleted. It never moves faster than twice the time in which servers really ran.
    """

    id = fields.IntField(primary_key=True, generated=False)
    now = InstantColumn()
    settled = InstantColumn()
    confirmed = InstantColumn(db_default=0)

    class Meta:
        table = "clock"
