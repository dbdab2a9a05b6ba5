"""The rules of roles and scopes, checked before every change."""

from collections.abc import Iterable

from tortoise.queryset import QuerySet

from models import AccessToken, Role, TokenScope
from models.errors import Forbidden
from resolvers.operation.context import Context

ROLES = tuple(Role)  # the one that may do most first


def outranks(role: Role, other: Role) -> bool:
    """Whether a role may do more than another."""
    return ROLES.index(role) < ROLES.index(other)


def lowest(roles: Iterable[Role]) -> Role:
    """The role that may do least."""
    return max(roles, key=ROLES.index)


def require_scope(context: Context, scope: TokenScope) -> None:
    """Raise `Forbidden` unless the caller's access token has this scope."""
    if scope not in context.caller.scopes:
        raise Forbidden(f"Your access token lacks the scope {scope}. Sign in with a token that has it.")


def require_admin(context: Context) -> None:
    """Raise `Forbidden` for roles below ADMIN, who manages users, tokens, custom fields and the account."""
    _require(context, Role.ADMIN)


def require_editor(context: Context) -> None:
    """Raise `Forbidden` for roles below EDITOR, who writes records, tags and groups."""
    _require(context, Role.EDITOR)


def _require(context: Context, least: Role) -> None:
    if outranks(least, context.caller.role):
        raise Forbidden(f"This needs the role {least} or higher, and yours is {context.caller.role}. Ask an owner or admin of the account.")


def visible_tokens(context: Context) -> QuerySet[AccessToken]:
    """Return the tokens that the caller may see and revoke: all of the account for an ADMIN or OWNER, else the caller's own."""
    tokens = context.scope.access_tokens
    for person in context.caller.people:
        if outranks(Role.ADMIN, person.role):
            tokens = tokens.filter(user_id=person.user_id)
    return tokens


def sees_token(context: Context, token: AccessToken) -> bool:
    """Whether the token is among the visible ones."""
    return all(token.user_id == person.user_id or not outranks(Role.ADMIN, person.role) for person in context.caller.people)
