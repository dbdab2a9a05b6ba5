"""The types of accounts, users and access tokens, and of the caller."""

from datetime import datetime

import strawberry
from strawberry import Parent

import models
from models.people import in_order
from resolvers.access import accounts, tokens, users
from resolvers.operation.context import Caller
from schema.fields import Info, field
from schema.nodes import Node

strawberry.enum(models.Role)
strawberry.enum(models.TokenScope)


@strawberry.type
class Account(Node):
    """An account, which shares nothing with other accounts."""

    name: str
    timezone: str


@strawberry.type
class User(Node):
    """A user of an account."""

    name: str
    email: str
    role: models.Role

    @strawberry.field
    @staticmethod
    def subject(user: Parent[models.User], info: Info) -> str | None:
        return users.subject_of(info.context, user)


@strawberry.type
class Viewer:
    """The caller."""

    role: models.Role

    @strawberry.field
    @staticmethod
    def scopes(caller: Parent[Caller]) -> list[models.TokenScope]:
        return in_order(caller.scopes)

    @field(Account)
    @staticmethod
    async def account(info: Info) -> models.Account:
        return await accounts.account(info.context)

    @field(User)
    @staticmethod
    async def user(caller: Parent[Caller], info: Info) -> models.User | None:
        return await users.user(info.context, caller.user_id)


@strawberry.type
class RateLimit:
    """The points that the caller has left."""

    limit: int
    cost: int
    remaining: int
    reset_at: datetime


@strawberry.type
class AccessToken(Node):
    """A credential of a program."""

    name: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    @strawberry.field
    @staticmethod
    def scopes(token: Parent[models.AccessToken]) -> list[models.TokenScope]:
        return tokens.scopes_of(token)

    @field(User)
    @staticmethod
    async def user(token: Parent[models.AccessToken], info: Info) -> models.User | None:
        return await users.user(info.context, token.user_id)

    @field(User | None)
    @staticmethod
    async def created_by(token: Parent[models.AccessToken], info: Info) -> models.User | None:
        return await users.user(info.context, token.created_by_id)
