"""How fields are declared: with a GraphQL type of their own, on functions that return models and are given the operation's context."""

from collections.abc import Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from resolvers.operation.context import Context

Info = strawberry.Info[Context, None]


def field(graphql_type: object, *extensions: FieldExtension, subscription: bool = False) -> Callable[[Callable[..., Any]], StrawberryField]:
    """Declare a field of this GraphQL type whose function returns what stands behind it: a model, a page, a message."""

    def declare(resolver: Callable[..., Any]) -> StrawberryField:
        return strawberry.field(resolver, graphql_type=graphql_type, extensions=list(extensions), is_subscription=subscription)

    return declare
