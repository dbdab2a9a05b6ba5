"""What mutations answer: the changed thing, or what the caller can mend."""

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
from resolvers.records.save_contacts import PutResult
from resolvers.tagging.taggings import TagResult
from schema.builder import SegmentField
from schema.bulk import BulkAction, BulkPreview
from schema.errors import MOST_PROBLEMS
from schema.fields import Info
from schema.types import AccessToken, Account, Appointment, Contact, Group, Tag, User

strawberry.enum(ProblemCode, name="UserErrorCode")


@strawberry.type
class UserError:
    """Something that the caller can mend."""

    code: ProblemCode
    message: str
    path: list[str]


def _errors() -> Any:
    return strawberry.field(graphql_type=list[UserError], default=())


def _absent(graphql_type: object) -> Any:
    return strawberry.field(graphql_type=graphql_type, default=None)


class UserErrors(FieldExtension):
    """Answers a refusal with the field's own payload, which then carries nothing but the problems."""

    async def resolve_async(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any) -> Any:
        """The payload, whether the change was made or refused."""
        try:
            return await next_(source, info, **kwargs)
        except Refused as refused:
            payload: Any = info.return_type
            return payload(user_errors=refused.problems[:MOST_PROBLEMS])


@strawberry.type
class ContactPayload:
    """A contact, or why not."""

    contact: models.Contact | None = _absent(Contact | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class AppointmentPayload:
    """An appointment, or why not."""

    appointment: models.Appointment | None = _absent(Appointment | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class TagPayload:
    """A tag, or why not."""

    tag: models.Tag | None = _absent(Tag | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class TagContactsPayload:
    """The tagged contacts, or why not."""

    contacts: Sequence[models.Contact] = strawberry.field(graphql_type=list[Contact], default=())
    changed: int = 0
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, result: TagResult) -> Self:
        """What tagging came to."""
        return cls(contacts=result.contacts, changed=result.changed)


@strawberry.type
class GroupPayload:
    """A group, or why not."""

    group: models.Group | None = _absent(Group | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class CustomFieldPayload:
    """A custom field, or why not."""

    field: StoredField | None = _absent(SegmentField | None)
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, field: models.CustomField) -> Self:
        """A custom field as a builder of criteria sees it."""
        return cls(field=of_custom(field))


@strawberry.type
class ImportPayload:
    """How much was imported, or why nothing."""

    created: int = 0
    updated: int = 0
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, result: PutResult) -> Self:
        """What importing came to."""
        return cls(created=result.created, updated=result.updated)


@strawberry.type
class DeletePayload:
    """What is gone, or why not."""

    deleted_id: str | None = _absent(ID | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class BulkActionPayload:
    """A bulk action or what it would do, or why not."""

    bulk_action: models.BulkAction | None = _absent(BulkAction | None)
    preview: FoundPreview | None = _absent(BulkPreview | None)
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, started: Started) -> Self:
        """What a start came to."""
        return cls(bulk_action=started.action, preview=started.preview)


@strawberry.type
class AccountPayload:
    """The account, or why not."""

    account: models.Account | None = _absent(Account | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class UserPayload:
    """A user, or why not."""

    user: models.User | None = _absent(User | None)
    user_errors: Sequence[Problem] = _errors()


@strawberry.type
class AccessTokenPayload:
    """An access token with its secret, or why not."""

    access_token: models.AccessToken | None = _absent(AccessToken | None)
    secret: str | None = None
    user_errors: Sequence[Problem] = _errors()

    @classmethod
    def of(cls, token: models.AccessToken, secret: str) -> Self:
        """A token on the one occasion when its secret is known."""
        return cls(access_token=token, secret=secret)
