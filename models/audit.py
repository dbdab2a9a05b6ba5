"""The audit log: who changed users, access tokens, permissions and definitions of an account, and how."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields import SET_NULL, ForeignKeyNullableRelation, ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model

from models.fields import DocumentColumn, InstantColumn, TextColumn
from models.people import Account, User


class AuditAction(StrEnum):
    """What was done."""

    ACCOUNT_CREATED = "ACCOUNT_CREATED"
    ACCOUNT_UPDATED = "ACCOUNT_UPDATED"
    USER_CREATED = "USER_CREATED"
    USER_UPDATED = "USER_UPDATED"
    ACCESS_TOKEN_CREATED = "ACCESS_TOKEN_CREATED"  # noqa: S105  # the name of an action
    ACCESS_TOKEN_REVOKED = "ACCESS_TOKEN_REVOKED"  # noqa: S105  # the name of an action
    GROUP_CREATED = "GROUP_CREATED"
    GROUP_UPDATED = "GROUP_UPDATED"
    GROUP_PERMISSION_CHANGED = "GROUP_PERMISSION_CHANGED"
    GROUP_DELETED = "GROUP_DELETED"
    CUSTOM_FIELD_CREATED = "CUSTOM_FIELD_CREATED"
    CUSTOM_FIELD_UPDATED = "CUSTOM_FIELD_UPDATED"
    CUSTOM_FIELD_DELETED = "CUSTOM_FIELD_DELETED"


class AuditEntry(Model):
    """One change, as it was when it was made. Later changes of its subject do not change the entry.

    `subject` is the subject's global id, or the key of a custom field. `audience` holds the marks of the people who may read the details,
    which for a group are those who could view it. `actor` is missing if a command made the change and no user did. `token_maker` is
    the user who created the access token, if that was not the actor.
    """

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    occurred_at = InstantColumn()
    actor: ForeignKeyNullableRelation[User] = fields.ForeignKeyField("models.User", related_name=False, null=True, on_delete=SET_NULL)
    token_id = fields.BigIntField(null=True)
    token_maker: ForeignKeyNullableRelation[User] = fields.ForeignKeyField("models.User", related_name=False, null=True, on_delete=SET_NULL)
    action = fields.CharEnumField(AuditAction, max_length=24)
    subject = TextColumn()
    subject_name = TextColumn(null=True)
    before = DocumentColumn(null=True)
    after = DocumentColumn(null=True)
    audience = TextColumn()
    account_id: int
    actor_id: int | None
    token_maker_id: int | None

    class Meta:
        table = "audit_entries"
        indexes = (
            Index(fields=("account_id", "id")),
            Index(fields=("account_id", "actor_id", "id")),
            Index(fields=("account_id", "subject", "id")),
            Index(fields=("occurred_at",)),
        )
