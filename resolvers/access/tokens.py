"""Access tokens: create, list and revoke them."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from models import AccessToken, AuditAction, ChangeCause, TokenScope, User
from models.errors import Forbidden, ProblemCode, refuse
from models.ids import to_global_id
from models.people import SCOPES_BY_ROLE, Scopes, in_order, scopes_read, scopes_written
from resolvers.access.audit_log import Audited, Values, record
from resolvers.access.roles import outranks, require_admin, visible_tokens
from resolvers.access.sign_in import hash_of
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, unknown
from resolvers.values.validation import Problems, invalid, required_text
from resolvers.write import write

LONGEST_NAME = 100
SECRET_BYTES = 32  # 43 characters


async def access_tokens(context: Context) -> list[AccessToken]:
    """Return the account's tokens for an ADMIN or OWNER, else the caller's own, the oldest first."""
    return await visible_tokens(context).order_by("id")


async def create_access_token(
    context: Context,
    *,
    name: str,
    user_id: str | None = None,
    expires_at: datetime | None = None,
    scopes: Sequence[TokenScope] | None = None,
) -> tuple[AccessToken, str]:
    """Create a token with the named scopes, or with all that are possible. Return it with its secret, which is not stored."""
    user = await _user(context, context.caller.user_id if user_id is None else id_of(user_id, "User", "user"))
    problems = Problems()
    values: dict[str, Any] = {
        "name": problems.attempt(partial(required_text, longest=LONGEST_NAME), name, "input", "name"),
        "scopes": problems.attempt(partial(_scopes, possible=SCOPES_BY_ROLE[user.role] & context.caller.scopes), scopes, "input", "scopes"),
        "expires_at": problems.attempt(partial(_future, now=context.services.wall_clock()), expires_at, "input", "expiresAt"),
        "user_id": user.id,
        "created_by_id": _creator(context, user),
    }
    problems.raise_any()
    secret = f"muster_{secrets.token_urlsafe(SECRET_BYTES)}"

    async def work(change: Change) -> AccessToken:
        token = await AccessToken.create(**values, hash=hash_of(secret), account_id=change.account_id, created_at=change.at)
        await record(context, change, _audited(AuditAction.ACCESS_TOKEN_CREATED, token, after=_values(token)))
        return token

    return await write(context, ChangeCause.RECORD_CHANGED, work), secret


def _creator(context: Context, user: User) -> int | None:
    """Return the user whose rights will bound the new token, besides its own user's. A command has none.

    A token that somebody else created passes its creator on, or it could create one with more rights.
    """
    caller = context.caller
    if user.id != caller.user_id and caller.token_maker_id:
        raise Forbidden("Another user created your access token, so it can only create tokens for its own user. Sign in with one of yours.")
    return caller.token_maker_id or caller.user_id or None


def _scopes(asked: Sequence[TokenScope] | None, possible: Scopes) -> str:
    """Return the scopes of a token. READ is always among them, because every change is answered with what it changed."""
    if asked is None:
        return scopes_written(possible)
    if not asked:
        raise refuse(ProblemCode.BLANK, "Name at least one scope, or leave them out for all that are possible.")
    if excess := set(asked) - possible:
        raise invalid(
            f"{', '.join(in_order(excess))} is beyond the user's role or your own sign-in. Possible: {', '.join(in_order(possible))}."
        )
    return scopes_written({TokenScope.READ, *asked})


def _future(moment: datetime | None, now: datetime) -> datetime | None:
    if moment is not None and moment <= now:
        raise invalid("A token that expires then could never be used. Name a moment in the future.")
    return moment


async def revoke_access_token(context: Context, token_id: str) -> str:
    """Revoke a token, and return its id. Streams that run on it end within seconds."""
    token = await visible_tokens(context).get_or_none(id=id_of(token_id, "AccessToken", "access token"))
    if token is None:
        raise unknown("access token")
    await _user(context, token.user_id)

    async def work(change: Change) -> None:
        if await context.scope.access_tokens.filter(id=token.id).delete():  # false for the second of two callers who revoke it at once
            await record(context, change, _audited(AuditAction.ACCESS_TOKEN_REVOKED, token, before=_values(token)))

    await write(context, ChangeCause.RECORD_CHANGED, work)
    return to_global_id("AccessToken", token.id)


async def _user(context: Context, user_id: int) -> User:
    """Return the user whose tokens are managed: the caller, or for an admin anybody with no higher role."""
    if user_id != context.caller.user_id:
        require_admin(context)
    user = await context.scope.users.get_or_none(id=user_id)
    if user is None:
        raise unknown("user")
    if outranks(user.role, context.caller.role):
        raise Forbidden(f"Only an owner can manage the tokens of an owner, and your role is {context.caller.role}.")
    return user


def scopes_of(token: AccessToken) -> list[TokenScope]:
    """Return the scopes of a token, the one that allows least first."""
    return in_order(scopes_read(token.scopes))


def _values(token: AccessToken) -> Values:
    user_id = to_global_id("User", token.user_id)
    return {"name": token.name, "userId": user_id, "scopes": scopes_of(token), "expiresAt": token.expires_at}


def _audited(action: AuditAction, token: AccessToken, *, before: Values | None = None, after: Values | None = None) -> Audited:
    return Audited(action=action, subject=to_global_id("AccessToken", token.id), name=token.name, before=before, after=after)
