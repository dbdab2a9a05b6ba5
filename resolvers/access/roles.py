"""What a caller may do: the rules of roles and scopes that stand before every change."""

from tortoise.queryset import QuerySet

from models import AccessToken, Role, TokenScope
from models.errors import Forbidden
from resolvers.operation.context import Context

ROLES = tuple(Role)  # from the one that may do most


def outranks(role: Role, other: Role) -> bool:
    """Whether a role may do more than another."""
    return ROLES.index(role) < ROLES.index(other)


def require_scope(context: Context, scope: TokenScope) -> None:
    """Refuse a caller whose access token was not made for this."""
    if scope not in context.caller.scopes:
        raise Forbidden(f"This needs an access token with the scope {scope}, and yours has it not. Sign in with one that has.")


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
