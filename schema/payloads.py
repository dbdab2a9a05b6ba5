"""The payloads of mutations: the changed object, or the problems with the input."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import strawberry
from strawberry import ID
from strawberry.extensions import FieldExtension

import models
from models.errors import Problem, ProblemCode, Refused
from resolvers.authoring.segment_fields import SegmentField as StoredField
from resolvers.authoring.segment_fields import of_custom
from resolvers.bulk.actions import Started
from resolvers.bulk.preview import BulkPreview as FoundPreview
from resolvers.records.save_contacts import SaveResult
from resolvers.tagging.taggings import TagResult
from schema.builder import SegmentField
from schema.bulk import BulkAction, BulkPreview
from schema.errors import MOST_PROBLEMS
from schema.fields import Info
from schema.people import AccessToken, Account, User
from schema.types import Appointment, Contact, Group, Tag

strawberry.enum(ProblemCode, name="UserErrorCode")


@strawberry.type
class UserError:
    """A problem with the input that the caller can correct."""

    code: ProblemCode
    message: str
    path: list[str]


def _errors() -> Any:
    return strawberry.field(graphql_type=list[UserError], default=())


def _absent(graphql_type: object) -> Any:
    return strawberry.field(graphql_type=graphql_type, default=None)


class UserErrors(FieldExtension):
    """Turns a `Refused` error into a payload that contains only the problems."""

    async def resolve_async(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any) -> Any:
        """Run the mutation and return its payload, whether it changed something or was refused."""
        try:
            return await next_(source, info, **kwargs)
        except Refused as refused:
            payload: Any = info.return_type
            return payload(user_errors=refused.problems[:MOST_PROBLEMS])


@strawberry.type
class ContactPayload:
    """The result of writing a contact."""

    contact: models.Contact | None = _absent(Contact | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class AppointmentPayload:
    """The result of writing an appointment."""

    appointment: models.Appointment | None = _absent(Appointment | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class TagPayload:
    """The result of writing a tag."""

    tag: models.Tag | None = _absent(Tag | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class TagContactsPayload:
    """The result of adding or removing tags."""

    contacts: Sequence[models.Contact] = strawberry.field(graphql_type=list[Contact], default=())
    changed: int = 0
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, result: TagResult) -> Self:
        """Create the payload from the result of the resolver."""
        return cls(contacts=result.contacts, changed=result.changed)


@strawberry.type
class GroupPayload:
    """The result of writing a group."""

    group: models.Group | None = _absent(Group | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class CustomFieldPayload:
    """The result of writing a custom field."""

    field: StoredField | None = _absent(SegmentField | None)
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, field: models.CustomField) -> Self:
        """Create the payload from a custom field."""
        return cls(field=of_custom(field))


@strawberry.type
class ImportPayload:
    """The result of an import."""

    created: int = 0
    updated: int = 0
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, result: SaveResult) -> Self:
        """Create the payload from the result of the resolver."""
        return cls(created=result.created, updated=result.updated)


@strawberry.type
class DeletePayload:
    """The result of a deletion."""

    deleted_id: str | None = _absent(ID | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class BulkActionPayload:
    """The result of starting, stopping or undoing a bulk action."""

    bulk_action: models.BulkAction | None = _absent(BulkAction | None)
    preview: FoundPreview | None = _absent(BulkPreview | None)
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, started: Started) -> Self:
        """Create the payload of a start or a dry run."""
        return cls(bulk_action=started.action, preview=started.preview)


@strawberry.type
class AccountPayload:
    """The result of changing the account."""

    account: models.Account | None = _absent(Account | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class UserPayload:
    """The result of writing a user."""

    user: models.User | None = _absent(User | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class AccessTokenPayload:
    """The result of creating an access token."""

    access_token: models.AccessToken | None = _absent(AccessToken | None)
    secret: str | None = None
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, token: models.AccessToken, secret: str) -> Self:
        """Create the payload from a new token and its secret, which is known only now."""
        return cls(access_token=token, secret=secret)
