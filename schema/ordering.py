"""The inputs that order lists of contacts and of members."""

from enum import StrEnum

import strawberry


@strawberry.enum
class OrderDirection(StrEnum):
    """Ascending or descending."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.enum
class ContactOrderField(StrEnum):
    """The fields that contacts can be ordered by."""

    ID = "ID"
    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"
    EMAIL = "EMAIL"
    LAST_NAME = "LAST_NAME"
    COMPANY = "COMPANY"
    COUNTRY = "COUNTRY"
    SCORE = "SCORE"
    LAST_ACTIVITY_AT = "LAST_ACTIVITY_AT"


@strawberry.enum
class MemberOrderField(StrEnum):
    """The fields that members can be ordered by."""

    ID = "ID"
    JOINED_AT = "JOINED_AT"


@strawberry.input
class ContactOrder:
    """An order of contacts."""

    field: ContactOrderField
    direction: OrderDirection = OrderDirection.ASC


@strawberry.input
class MemberOrder:
    """An order of members."""

    field: MemberOrderField
    direction: OrderDirection = OrderDirection.ASC


def order_of(order: ContactOrder | MemberOrder | None) -> tuple[str, str] | None:
    """Return an order as resolvers take it: the names of the field and of the direction."""
    return (order.field.name, order.direction.name) if order else None
