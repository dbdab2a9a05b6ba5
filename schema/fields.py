"""Declares fields whose resolvers return models while clients see GraphQL types."""

from collections.abc import Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from resolvers.operation.context import Context

Info = strawberry.Info[Context, None]


def field(graphql_type: object, *extensions: FieldExtension, subscription: bool = False) -> Callable[[Callable[..., Any]], StrawberryField]:
    """Declare a field of this GraphQL type. Its function returns the model, page or message that the type shows."""

    def declare(resolver: Callable[..., Any]) -> StrawberryField:
        return strawberry.field(resolver, graphql_type=graphql_type, extensions=list(extensions), is_subscription=subscription)

    return declare
