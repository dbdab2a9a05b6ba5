"""Declares the token scope that a mutation needs, and refuses calls without it."""

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.extensions import FieldExtension

from models import TokenScope
from resolvers.access.roles import require_scope
from schema.fields import Info


class RequiresScope(FieldExtension):
    """Lets a mutation run only with a token that has its scope."""

    def __init__(self, scope: TokenScope) -> None:
        self.scope = scope

    async def resolve_async(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any) -> Any:
        """Run the mutation. Raises `Forbidden` before reading anything."""
        require_scope(info.context, self.scope)
        return await next_(source, info, **kwargs)
