"""Accounts, their users, and the access tokens that users sign in with."""

import secrets
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from tortoise import fields
from tortoise.fields import ForeignKeyNullableRelation, ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model

from models.fields import FoldedColumn, InstantColumn, TextColumn


class Role(StrEnum):
    """What a user may do. Each role may do all that the roles after it may."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    EDITOR = "EDITOR"
    VIEWER = "VIEWER"


class Person(NamedTuple):
    """A user with their role. By both it is decided what they may view and edit."""

    user_id: int
    role: Role


class TokenScope(StrEnum):
    """What an access token may be used for, within its user's role."""

    READ = "READ"
    WRITE = "WRITE"
    ADMIN = "ADMIN"


Scopes = frozenset[TokenScope]
EVERY_SCOPE: Scopes = frozenset(TokenScope)
_UP_TO_WRITE: Scopes = frozenset({TokenScope.READ, TokenScope.WRITE})
SCOPES_BY_ROLE: Mapping[Role, Scopes] = {
    Role.OWNER: EVERY_SCOPE,
    Role.ADMIN: EVERY_SCOPE,
    Role.EDITOR: _UP_TO_WRITE,
    Role.VIEWER: frozenset({TokenScope.READ}),
}


def in_order(scopes: Iterable[TokenScope]) -> list[TokenScope]:
    """The scopes, starting with the one that allows least."""
    return sorted(scopes, key=tuple(TokenScope).index)


def scopes_written(scopes: Iterable[TokenScope]) -> str:
    """The stored form of scopes."""
    return " ".join(in_order(scopes))


def scopes_read(written: str) -> Scopes:
    """The scopes that a stored form stands for."""
    return frozenset(map(TokenScope, written.split()))


def new_mark() -> str:
    """A mark that no account has had before. It begins with a letter beyond f, or a spreadsheet might read it as a number."""
    return f"m{secrets.token_hex(8)}"


class Account(Model):
    """A tenant: everything else belongs to exactly one account.

    Exported files carry its `mark`, which shows that the ids in them are of this account and were assigned since the database was last
    restored or copied.
    """

    id = fields.BigIntField(primary_key=True)
    name = TextColumn()
    timezone = TextColumn()
    definitions_version = fields.BigIntField(default=1)
    mark = TextColumn(default=new_mark, db_default="")
    created_at = InstantColumn()
    updated_at = InstantColumn()

    class Meta:
        table = "accounts"


class User(Model):
    """A person with a role in an account. `subject` is their name at an identity provider that signs them in by it."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    name = TextColumn()
    email = TextColumn()
    email_folded = FoldedColumn()
    role = fields.CharEnumField(Role, max_length=8)
    subject = TextColumn(null=True)
    created_at = InstantColumn()
    updated_at = InstantColumn()
    account_id: int

    class Meta:
        table = "users"
        unique_together = (("account", "email_folded"), ("subject", "account"))
        indexes = (Index(fields=("email_folded",)),)


class AccessToken(Model):
    """A bearer token. Its secret is never stored, only the SHA-256 of it.

    It allows what both its user and the user who created it may do. It has no creator if it was created at the command line.
    """

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    user: ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name=False)
    created_by: ForeignKeyNullableRelation[User] = fields.ForeignKeyField("models.User", related_name=False, null=True)
    name = TextColumn()
    hash = fields.CharField(max_length=64, unique=True)
    scopes = TextColumn(db_default=scopes_written(EVERY_SCOPE))
    created_at = InstantColumn()
    last_used_at = InstantColumn(null=True)
    expires_at = InstantColumn(null=True)
    account_id: int
    user_id: int
    created_by_id: int | None

    class Meta:
        table = "access_tokens"
        indexes = (Index(fields=("account_id", "user_id")),)
