"""Writing: every change that a client can make, each answered with a payload."""

from functools import partial

import strawberry
from strawberry import ID, UNSET

import models
from resolvers import accounts, appointments, contacts, fields, groups, taggings, tags, tokens, users
from schema.arguments import Info, changes, document, plain
from schema.inputs import (
    CreateAccessTokenInput,
    CreateAppointmentInput,
    CreateContactInput,
    CreateCustomFieldInput,
    CreateGroupInput,
    CreateTagInput,
    CreateUserInput,
    ImportContactsInput,
    TagContactsInput,
    UpdateAccountInput,
    UpdateAppointmentInput,
    UpdateContactInput,
    UpdateCustomFieldInput,
    UpdateGroupInput,
    UpdateTagInput,
    UpsertContactInput,
)
from schema.payloads import (
    AccessTokenPayload,
    AccountPayload,
    AppointmentPayload,
    ContactPayload,
    CustomFieldPayload,
    DeletePayload,
    GroupPayload,
    ImportPayload,
    TagContactsPayload,
    TagPayload,
    UserErrors,
    UserPayload,
)

mutation = partial(strawberry.mutation, extensions=[UserErrors()])


@strawberry.type
class Mutation:
    """The root of mutations."""

    @mutation
    @staticmethod
    async def create_contact(info: Info, input: CreateContactInput) -> ContactPayload:
        return ContactPayload(contact=await contacts.create_contact(info.context, **plain(input)))

    @mutation
    @staticmethod
    async def update_contact(info: Info, input: UpdateContactInput) -> ContactPayload:
        return ContactPayload(contact=await contacts.update_contact(info.context, contact_id=input.id, fields=plain(input.fields)))

    @mutation
    @staticmethod
    async def upsert_contact(info: Info, input: UpsertContactInput) -> ContactPayload:
        return ContactPayload(contact=await contacts.upsert_contact(info.context, **plain(input)))

    @mutation
    @staticmethod
    async def delete_contact(info: Info, id: ID) -> DeletePayload:
        return DeletePayload(deleted_id=await contacts.delete_contact(info.context, id))
