"""Who is asking, and what a role may do: signing in with a token, and the rules that stand before every mutation."""

import re
from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from typing import Any

from tortoise.queryset import QuerySet

from models import AccessToken, Role
from models.errors import Forbidden, Unauthenticated
from models.fields import to_microseconds
from resolvers.context import Caller, Context, Services
from resolvers.scope import Scope

LAST_USE_GRAIN = timedelta(minutes=1)  # finer would make every read a write
ROLES = tuple(Role)  # from the one that may do most
_CREDENTIALS = re.compile(r"(?i:bearer) +(muster_[\w-]{43})", re.ASCII)

_FIND = """
SELECT token.id, token.account_id, token.user_id, token.last_used_at, users.role
FROM access_tokens AS token JOIN users ON users.id = token.user_id
WHERE token.hash = :hash AND (token.expires_at IS NULL OR token.expires_at > :now)
"""
_MARK_USED = "UPDATE access_tokens SET last_used_at = :now WHERE id = :id"
_VALID = """
SELECT id FROM access_tokens
WHERE id = ANY(:ids) AND (expires_at IS NULL OR expires_at > :now)
"""


async def authenticate(services: Services, authorization: str | None) -> Context:
    """The context of the user whose valid token this `Authorization` header carries; else `Unauthenticated`."""
    token = await _find(services, authorization or "")
    await _mark_used(services, token)
    caller = Caller(token["account_id"], token["user_id"], Role(token["role"]), token["id"])
    return Context(services, caller, Scope(caller.account_id, caller.user_id, caller.role))


async def _find(services: Services, authorization: str) -> dict[str, Any]:
    credentials = _CREDENTIALS.fullmatch(authorization.strip())
    if not credentials:
        raise Unauthenticated
    now = to_microseconds(services.wall_clock())
    rows = await services.database.rows(_FIND, hash=hash_of(credentials[1]), now=now)
    if not rows:
        raise Unauthenticated
    return rows[0]


async def _mark_used(services: Services, token: dict[str, Any]) -> None:
    now = services.wall_clock()
    last = token["last_used_at"]
    if last is None or last <= to_microseconds(now - LAST_USE_GRAIN):
        await services.database.rows(_MARK_USED, now=to_microseconds(now), id=token["id"])


def hash_of(secret: str) -> str:
    """The form in which a token's secret is stored and found again."""
    return sha256(secret.encode()).hexdigest()


async def lapsed_tokens(services: Services, token_ids: Collection[int]) -> set[int]:
    """Which of these tokens are no longer valid, because they have expired or were revoked."""
    now = to_microseconds(services.wall_clock())
    rows = await services.database.rows(_VALID, ids=sorted(token_ids), now=now)
    return set(token_ids) - {row["id"] for row in rows}


def outranks(role: Role, other: Role) -> bool:
    """Whether a role may do more than another."""
    return ROLES.index(role) < ROLES.index(other)


def require_admin(context: Context) -> None:
    """Refuse everyone below ADMIN: who may manage users, tokens, custom fields and the account."""
    _require(context, Role.ADMIN)


def require_editor(context: Context) -> None:
    """Refuse everyone below EDITOR: who may write records, tags and groups."""
    _require(context, Role.EDITOR)


def _require(context: Context, least: Role) -> None:
    if outranks(least, context.caller.role):
        raise Forbidden(f"This needs the role {least} or higher, and yours is {context.caller.role}. Ask an owner or admin of the account.")


def visible_tokens(context: Context) -> QuerySet[AccessToken]:
    """The tokens that the caller may see and revoke: the account's from ADMIN on, their own below."""
    tokens = context.scope.access_tokens
    return tokens.filter(user_id=context.caller.user_id) if outranks(Role.ADMIN, context.caller.role) else tokens
