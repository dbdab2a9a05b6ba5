"""What a mutation needs of the access token that it runs on: declared where the mutation is, and refused here."""

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.extensions import FieldExtension

from models import TokenScope
from resolvers.access.roles import require_scope
from schema.fields import Info


class Needs(FieldExtension):
    """Runs a mutation only on a token that has the scope for it."""

    def __init__(self, scope: TokenScope) -> None:
        self.scope = scope

    async def resolve_async(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any) -> Any:
        """The payload; raises `Forbidden` before anything is looked at."""
        require_scope(info.context, self.scope)
        return await next_(source, info, **kwargs)
