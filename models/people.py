"""Who uses Muster: accounts, their users, and the access tokens that users sign in with."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields import ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model

from models.fields import FoldedColumn, InstantColumn, TextColumn


class Role(StrEnum):
    """What a user may do; each role may do all that the roles after it may."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    EDITOR = "EDITOR"
    VIEWER = "VIEWER"


class Account(Model):
    """A tenant: everything else belongs to exactly one account."""

    id = fields.BigIntField(primary_key=True)
    name = TextColumn()
    timezone = TextColumn()
    definitions_version = fields.BigIntField(default=1)
    created_at = InstantColumn()
    updated_at = InstantColumn()

    class Meta:
        table = "accounts"


class User(Model):
    """A person with a role in an account."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    name = TextColumn()
    email = TextColumn()
    email_folded = FoldedColumn()
    role = fields.CharEnumField(Role, max_length=8)
    created_at = InstantColumn()
    updated_at = InstantColumn()
    account_id: int

    class Meta:
        table = "users"
        unique_together = (("account", "email_folded"),)


class AccessToken(Model):
    """A bearer token, of which the secret itself is never stored, only its SHA-256."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    user: ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name=False)
    name = TextColumn()
    hash = fields.CharField(max_length=64, unique=True)
    created_at = InstantColumn()
    last_used_at = InstantColumn(null=True)
    expires_at = InstantColumn(null=True)
    account_id: int
    user_id: int

    class Meta:
        table = "access_tokens"
        indexes = (Index(fields=("account_id", "user_id")),)
