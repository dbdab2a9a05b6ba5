"""The inputs of queries and mutations, except for criteria and orders."""

from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry import ID, UNSET

from models import AppointmentStatus, FieldType, Role, TokenScope
from schema.conditions import TagRef
from schema.criteria import CriteriaInput
from schema.scalars import JSON


@strawberry.input(one_of=True)
class ContactRef:
    """A contact, by id or by e-mail address."""

    id: ID | None = UNSET
    email: str | None = UNSET


@strawberry.input
class ContactFields:
    """The writable fields of a contact."""

    email: str | None = UNSET
    first_name: str | None = UNSET
    last_name: str | None = UNSET
    phone: str | None = UNSET
    company: str | None = UNSET
    job_title: str | None = UNSET
    address: str | None = UNSET
    city: str | None = UNSET
    state: str | None = UNSET
    country: str | None = UNSET
    postal_code: str | None = UNSET
    timezone: str | None = UNSET
    website: str | None = UNSET
    source: str | None = UNSET
    status: str | None = UNSET
    score: int | None = UNSET
    spent: Decimal | None = UNSET
    birthday: date | None = UNSET
    last_activity_at: datetime | None = UNSET
    owner_id: ID | None = UNSET
    custom_fields: JSON | None = UNSET


@strawberry.input
class CreateContactInput:
    """A new contact."""

    fields: ContactFields
    tags: list[TagRef] | None = UNSET
    create_missing_tags: bool = False


@strawberry.input
class UpdateContactInput:
    """A change of a contact."""

    id: ID
    fields: ContactFields


@strawberry.input
class UpsertContactInput:
    """A contact to create or update, found by its e-mail address."""

    fields: ContactFields
    tags: list[TagRef] | None = UNSET
    create_missing_tags: bool = False


@strawberry.input
class ImportContactsInput:
    """Contacts to upsert together."""

    rows: list[UpsertContactInput]


@strawberry.input
class CreateAppointmentInput:
    """A new appointment."""

    contact_id: ID
    title: str
    location: str | None = UNSET
    starts_at: datetime
    ends_at: datetime | None = UNSET
    status: AppointmentStatus | None = UNSET


@strawberry.input
class UpdateAppointmentInput:
    """A change of an appointment."""

    id: ID
    title: str | None = UNSET
    location: str | None = UNSET
    starts_at: datetime | None = UNSET
    ends_at: datetime | None = UNSET
    status: AppointmentStatus | None = UNSET


@strawberry.input
class CreateTagInput:
    """A new tag."""

    name: str
    description: str | None = UNSET
    color: str | None = UNSET


@strawberry.input
class UpdateTagInput:
    """A change of a tag."""

    id: ID
    name: str | None = UNSET
    description: str | None = UNSET
    color: str | None = UNSET


@strawberry.input
class TagContactsInput:
    """Tags to add to contacts, or to remove from them."""

    contact_ids: list[ID]
    tags: list[TagRef]
    create_missing: bool = False


@strawberry.input(one_of=True)
class AudienceInput:
    """The users who may do something."""

    everyone: bool | None = UNSET
    only_owner: bool | None = UNSET
    roles: list[Role] | None = UNSET
    users: list[ID] | None = UNSET


@strawberry.input
class GroupPermissionInput:
    """Who may view and edit a group."""

    view: AudienceInput | None = UNSET
    edit: AudienceInput | None = UNSET


@strawberry.input
class CreateGroupInput:
    """A new group."""

    name: str
    criteria: CriteriaInput
    permission: GroupPermissionInput | None = UNSET


@strawberry.input
class UpdateGroupInput:
    """A change of a group."""

    id: ID
    name: str | None = UNSET
    criteria: CriteriaInput | None = UNSET
    permission: GroupPermissionInput | None = UNSET


@strawberry.input
class CreateCustomFieldInput:
    """A new custom field."""

    key: str
    label: str
    type: FieldType
    choices: list[str] | None = UNSET


@strawberry.input
class UpdateCustomFieldInput:
    """A change of a custom field."""

    key: str
    label: str | None = UNSET
    choices: list[str] | None = UNSET


@strawberry.input
class UpdateAccountInput:
    """A change of the account."""

    name: str | None = UNSET
    timezone: str | None = UNSET


@strawberry.input
class CreateUserInput:
    """A new user."""

    name: str
    email: str
    role: Role
    subject: str | None = UNSET


@strawberry.input
class CreateAccessTokenInput:
    """A new access token."""

    name: str
    user_id: ID | None = UNSET
    expires_at: datetime | None = UNSET
    scopes: list[TokenScope] | None = UNSET
