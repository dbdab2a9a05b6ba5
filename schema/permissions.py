"""The types of a group's permission: who may view and who may edit it."""

from collections.abc import Sequence

import strawberry
from strawberry import Parent

import models
from models.audience import Audience as StoredAudience
from resolvers.access import users
from resolvers.grouping import groups
from schema.fields import Info, field
from schema.people import User


@strawberry.type
class Audience:
    """The users who may do something."""

    everyone: bool
    only_owner: bool
    roles: list[models.Role]

    @field(list[User])
    @staticmethod
    async def users(audience: Parent[StoredAudience], info: Info) -> Sequence[models.User]:
        return await users.users_among(info.context, audience.user_ids)


@strawberry.type
class GroupPermission:
    """Who may view and edit a group."""

    @field(Audience)
    @staticmethod
    def view(group: Parent[models.Group]) -> StoredAudience:
        return groups.audience_of(group, "view")

    @field(Audience)
    @staticmethod
    def edit(group: Parent[models.Group]) -> StoredAudience:
        return groups.audience_of(group, "edit")
