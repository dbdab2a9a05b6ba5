"""Access tokens: handing them out, listing them and taking them back."""

import secrets
from datetime import datetime
from functools import partial

from models import AccessToken, User
from models.errors import Forbidden, ProblemCode
from models.ids import to_global_id
from resolvers.access import hash_of, outranks, require_admin, visible_tokens
from resolvers.context import Context
from resolvers.identify import id_of, unknown
from resolvers.rules import Problems, required_text

LONGEST_NAME = 100
SECRET_BYTES = 32  # 43 characters


async def access_tokens(context: Context) -> list[AccessToken]:
    """The account's tokens for those who manage them, the caller's own for everybody else; oldest first."""
    return await visible_tokens(context).order_by("id")


async def create_access_token(
    context: Context, *, name: str, user_id: str | None = None, expires_at: datetime | None = None
) -> tuple[AccessToken, str]:
    """Hand out a token and its secret, which is not stored and cannot be shown again."""
    user = await _user(context, context.caller.user_id if user_id is None else id_of(user_id, "User", "user"))
    now = context.services.wall_clock()
    problems = Problems()
    checked = problems.attempt(partial(required_text, longest=LONGEST_NAME), name, "input", "name")
    if expires_at is not None and expires_at <= now:
        message = "A token that expires then could never be used. Name a moment in the future."
        problems.note(ProblemCode.INVALID, message, "input", "expiresAt")
    problems.raise_any()
    secret = f"muster_{secrets.token_urlsafe(SECRET_BYTES)}"
    token = await AccessToken.create(
        account_id=context.caller.account_id,
        user_id=user.id,
        name=checked,
        hash=hash_of(secret),
        created_at=now,
        expires_at=expires_at,
    )
    return token, secret


async def revoke_access_token(context: Context, token_id: str) -> str:
    """Take a token back: it signs nobody in any more, and the streams that run on it end soon."""
    token = await visible_tokens(context).get_or_none(id=id_of(token_id, "AccessToken", "access token"))
    if token is None:
        raise unknown("access token")
    await _user(context, token.user_id)
    await context.scope.access_tokens.filter(id=token.id).delete()
    context.forget()
    return to_global_id("AccessToken", token.id)


async def _user(context: Context, user_id: int) -> User:
    """The user whose tokens the caller is about to manage: themselves, or for an admin anybody who may not do more."""
    if user_id != context.caller.user_id:
        require_admin(context)
    user = await context.scope.users.get_or_none(id=user_id)
    if user is None:
        raise unknown("user")
    if outranks(user.role, context.caller.role):
        raise Forbidden(f"Only an owner can manage the tokens of an owner, and your role is {context.caller.role}.")
    return user
