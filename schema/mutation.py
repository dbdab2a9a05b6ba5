"""The mutations, each of which returns a payload."""

from functools import partial
from typing import Annotated

import strawberry
from strawberry import ID

import models
from resolvers.access import accounts, tokens, users
from resolvers.bulk import actions
from resolvers.grouping import groups
from resolvers.records import appointments, contacts, fields, imports
from resolvers.tagging import taggings, tags
from schema.arguments import changes, plain
from schema.bulk import StartBulkActionInput
from schema.fields import Info
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
    BulkActionPayload,
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
from schema.scopes import RequiresScope

mutation = partial(strawberry.mutation, extensions=[RequiresScope(models.TokenScope.WRITE), UserErrors()])
administration = partial(strawberry.mutation, extensions=[RequiresScope(models.TokenScope.ADMIN), UserErrors()])


@strawberry.type
class Mutation:
    """The root of mutations."""

    @mutation
    @staticmethod
    async def create_contact(info: Info, input: CreateContactInput) -> ContactPayload:
        return ContactPayload(
            contact=await contacts.create_contact(
                info.context, fields=plain(input.fields), tags=plain(input.tags or []), create_missing_tags=input.create_missing_tags
            )
        )

    @mutation
    @staticmethod
    async def update_contact(info: Info, input: UpdateContactInput) -> ContactPayload:
        return ContactPayload(contact=await contacts.update_contact(info.context, contact_id=input.id, fields=plain(input.fields)))

    @mutation
    @staticmethod
    async def upsert_contact(info: Info, input: UpsertContactInput) -> ContactPayload:
        return ContactPayload(
            contact=await contacts.upsert_contact(
                info.context, fields=plain(input.fields), tags=plain(input.tags or []), create_missing_tags=input.create_missing_tags
            )
        )

    @mutation
    @staticmethod
    async def delete_contact(info: Info, id: ID) -> DeletePayload:
        return DeletePayload(deleted_id=await contacts.delete_contact(info.context, id))

    @mutation
    @staticmethod
    async def import_contacts(info: Info, input: ImportContactsInput) -> ImportPayload:
        return ImportPayload.of(await imports.import_contacts(info.context, **plain(input)))

    @mutation
    @staticmethod
    async def create_appointment(info: Info, input: CreateAppointmentInput) -> AppointmentPayload:
        return AppointmentPayload(
            appointment=await appointments.create_appointment(info.context, contact_id=input.contact_id, values=changes(input))
        )

    @mutation
    @staticmethod
    async def update_appointment(info: Info, input: UpdateAppointmentInput) -> AppointmentPayload:
        return AppointmentPayload(
            appointment=await appointments.update_appointment(info.context, appointment_id=input.id, values=changes(input))
        )

    @mutation
    @staticmethod
    async def delete_appointment(info: Info, id: ID) -> DeletePayload:
        return DeletePayload(deleted_id=await appointments.delete_appointment(info.context, id))

    @mutation
    @staticmethod
    async def create_tag(info: Info, input: CreateTagInput) -> TagPayload:
        return TagPayload(tag=await tags.create_tag(info.context, **plain(input)))

    @mutation
    @staticmethod
    async def update_tag(info: Info, input: UpdateTagInput) -> TagPayload:
        return TagPayload(tag=await tags.update_tag(info.context, tag_id=input.id, changes=changes(input)))

    @mutation
    @staticmethod
    async def merge_tags(info: Info, from_: Annotated[ID, strawberry.argument(name="from")], into: ID) -> TagPayload:
        return TagPayload(tag=await tags.merge_tags(info.context, source_id=from_, target_id=into))

    @mutation
    @staticmethod
    async def delete_tag(info: Info, id: ID, force: bool = False) -> DeletePayload:
        return DeletePayload(deleted_id=await tags.delete_tag(info.context, tag_id=id, force=force))

    @mutation
    @staticmethod
    async def add_tags(info: Info, input: TagContactsInput) -> TagContactsPayload:
        return TagContactsPayload.of(await taggings.add_tags(info.context, **plain(input)))

    @mutation
    @staticmethod
    async def remove_tags(info: Info, input: TagContactsInput) -> TagContactsPayload:
        return TagContactsPayload.of(await taggings.remove_tags(info.context, contact_ids=input.contact_ids, tags=plain(input.tags)))

    @mutation
    @staticmethod
    async def create_group(info: Info, input: CreateGroupInput) -> GroupPayload:
        return GroupPayload(group=await groups.create_group(info.context, **plain(input)))

    @mutation
    @staticmethod
    async def update_group(info: Info, input: UpdateGroupInput) -> GroupPayload:
        return GroupPayload(group=await groups.update_group(info.context, group_id=input.id, changes=changes(input)))

    @mutation
    @staticmethod
    async def delete_group(info: Info, id: ID, force: bool = False) -> DeletePayload:
        return DeletePayload(deleted_id=await groups.delete_group(info.context, group_id=id, force=force))

    @mutation
    @staticmethod
    async def create_custom_field(info: Info, input: CreateCustomFieldInput) -> CustomFieldPayload:
        return CustomFieldPayload.of(await fields.create_custom_field(info.context, **plain(input)))

    @mutation
    @staticmethod
    async def update_custom_field(info: Info, input: UpdateCustomFieldInput) -> CustomFieldPayload:
        return CustomFieldPayload.of(await fields.update_custom_field(info.context, key=input.key, changes=changes(input)))

    @mutation
    @staticmethod
    async def delete_custom_field(info: Info, key: str, force: bool = False) -> DeletePayload:
        return DeletePayload(deleted_id=await fields.delete_custom_field(info.context, key=key, force=force))

    @mutation
    @staticmethod
    async def start_bulk_action(info: Info, input: StartBulkActionInput) -> BulkActionPayload:
        return BulkActionPayload.of(await actions.start_bulk_action(info.context, **plain(input)))

    @mutation
    @staticmethod
    async def cancel_bulk_action(info: Info, id: ID) -> BulkActionPayload:
        return BulkActionPayload(bulk_action=await actions.cancel_bulk_action(info.context, id))

    @mutation
    @staticmethod
    async def undo_bulk_action(info: Info, id: ID) -> BulkActionPayload:
        return BulkActionPayload(bulk_action=await actions.undo_bulk_action(info.context, id))

    @administration
    @staticmethod
    async def update_account(info: Info, input: UpdateAccountInput) -> AccountPayload:
        return AccountPayload(account=await accounts.update_account(info.context, changes(input)))

    @administration
    @staticmethod
    async def create_user(info: Info, input: CreateUserInput) -> UserPayload:
        return UserPayload(user=await users.create_user(info.context, **plain(input)))

    @administration
    @staticmethod
    async def update_user(
        info: Info, id: ID, role: models.Role | None = None, name: str | None = None, subject: str | None = None
    ) -> UserPayload:
        return UserPayload(user=await users.update_user(info.context, user_id=id, changes={"role": role, "name": name, "subject": subject}))

    @administration
    @staticmethod
    async def create_access_token(info: Info, input: CreateAccessTokenInput) -> AccessTokenPayload:
        return AccessTokenPayload.of(*await tokens.create_access_token(info.context, **plain(input)))

    @administration
    @staticmethod
    async def revoke_access_token(info: Info, id: ID) -> DeletePayload:
        return DeletePayload(deleted_id=await tokens.revoke_access_token(info.context, id))
