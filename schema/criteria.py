"""The inputs of criteria, which have the same form as the Criteria scalar."""

from dataclasses import field
from typing import Any

import strawberry
from strawberry import UNSET

from schema.conditions import (
    AppointmentStatusCondition,
    CustomFieldCondition,
    DateCondition,
    DateTimeCondition,
    GroupCondition,
    NumberCondition,
    ReferenceCondition,
    TagCondition,
    TaggedAtCondition,
    TextCondition,
)


@strawberry.input
class AppointmentCount:
    """A minimum number of appointments."""

    count: int
    where: "AppointmentCriteria | None" = UNSET


@strawberry.input(one_of=True)
class AppointmentRelation:
    """A test of a contact's appointments."""

    some: "AppointmentCriteria | None" = UNSET
    none: "AppointmentCriteria | None" = UNSET
    at_least: AppointmentCount | None = UNSET


@strawberry.input(one_of=True)
class ContactCriteria:
    """A condition on a contact, or a combination of conditions."""

    added: strawberry.Private[dict[str, Any]] = field(default_factory=dict)

    all: "list[ContactCriteria] | None" = UNSET
    any: "list[ContactCriteria] | None" = UNSET
    not_: "ContactCriteria | None" = strawberry.field(name="not", default=UNSET)
    email: TextCondition | None = UNSET
    first_name: TextCondition | None = UNSET
    last_name: TextCondition | None = UNSET
    phone: TextCondition | None = UNSET
    company: TextCondition | None = UNSET
    job_title: TextCondition | None = UNSET
    address: TextCondition | None = UNSET
    city: TextCondition | None = UNSET
    state: TextCondition | None = UNSET
    country: TextCondition | None = UNSET
    postal_code: TextCondition | None = UNSET
    timezone: TextCondition | None = UNSET
    website: TextCondition | None = UNSET
    source: TextCondition | None = UNSET
    status: TextCondition | None = UNSET
    score: NumberCondition | None = UNSET
    spent: NumberCondition | None = UNSET
    birthday: DateCondition | None = UNSET
    last_activity_at: DateTimeCondition | None = UNSET
    created_at: DateTimeCondition | None = UNSET
    updated_at: DateTimeCondition | None = UNSET
    owner: ReferenceCondition | None = UNSET
    tags: TagCondition | None = UNSET
    tagged_at: TaggedAtCondition | None = UNSET
    group: GroupCondition | None = UNSET
    appointments: AppointmentRelation | None = UNSET
    custom: CustomFieldCondition | None = UNSET


@strawberry.input(one_of=True)
class AppointmentCriteria:
    """A condition on an appointment, or a combination of conditions."""

    all: "list[AppointmentCriteria] | None" = UNSET
    any: "list[AppointmentCriteria] | None" = UNSET
    not_: "AppointmentCriteria | None" = strawberry.field(name="not", default=UNSET)
    title: TextCondition | None = UNSET
    location: TextCondition | None = UNSET
    status: AppointmentStatusCondition | None = UNSET
    starts_at: DateTimeCondition | None = UNSET
    ends_at: DateTimeCondition | None = UNSET
    created_at: DateTimeCondition | None = UNSET
    updated_at: DateTimeCondition | None = UNSET
    contact: ContactCriteria | None = UNSET


@strawberry.input(one_of=True)
class CriteriaInput:
    """The criteria of a group."""

    added: strawberry.Private[dict[str, Any]] = field(default_factory=dict)

    contacts: ContactCriteria | None = UNSET
    appointments: AppointmentCriteria | None = UNSET
