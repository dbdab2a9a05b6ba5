"""Accounts on which bulk actions are tried: contacts of every kind, groups that look at all of it, and pictures of both."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from models import Contact, FieldType, Group
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context, Services
from resolvers.records.appointments import create_appointment
from resolvers.records.fields import create_custom_field
from resolvers.records.imports import import_contacts
from resolvers.tagging.tags import create_tag
from tests.support.callers import new_account

TAGS = ("Client", "Lead")
CANADA: dict[str, Any] = {"country": {"equals": ["Canada"]}}
CLIENT: dict[str, Any] = {"tags": {"containsAny": [{"name": "Client"}]}}
GOLD: dict[str, Any] = {"custom": {"key": "plan", "choice": {"containsAny": ["Gold"]}}}
GROUPS: Mapping[str, dict[str, Any]] = {
    "Canadians": {"contacts": CANADA},
    "Clients": {"contacts": CLIENT},
    "Gold": {"contacts": GOLD},
    "Untagged": {"contacts": {"tags": {"isEmpty": True}}},
    "Unreachable": {"contacts": {"all": [{"email": {"isEmpty": True}}, {"phone": {"isEmpty": True}}]}},
    "Invited": {"contacts": {"appointments": {"some": {"title": {"equals": ["Call"]}}}}},
    "Calls with clients": {"appointments": {"contact": CLIENT}},
}
OF_CONTACTS = ("Canadians", "Clients", "Gold", "Untagged")
EVERYBODY: dict[str, Any] = {"source": {"isEmpty": False}}

CONTACTS = st.lists(
    st.fixed_dictionaries(
        {
            "country": st.sampled_from(["Canada", "canada", "Mexico", None]),
            "tags": st.sets(st.sampled_from(TAGS)),
            "appointed": st.booleans(),
        },
        optional={
            "email": st.just("@example.com"),
            "company": st.sampled_from(["Acme", "ACME", "Zebra"]),
            "phone": st.sampled_from(["604 555 0123", "+52 55 5555 5555"]),
            "score": st.integers(0, 2),
            "plan": st.sampled_from(["Gold", "Silver"]),
            "topics": st.lists(st.sampled_from(["art", "law"]), unique=True),
        },
    ),
    max_size=9,
)
TARGETS = st.one_of(
    st.builds(lambda name: {"group": name}, st.sampled_from(OF_CONTACTS)),
    st.builds(lambda numbers: {"contacts": numbers}, st.sets(st.integers(0, 8), min_size=1)),
    st.builds(lambda where: {"where": where}, st.sampled_from([CANADA, CLIENT, GOLD, {"not": CLIENT}, EVERYBODY])),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.none(),
        "country": st.sampled_from(["Canada", "Mexico", None]),
        "company": st.sampled_from(["Acme", None]),
        "phone": st.sampled_from(["604 555 0199", None]),
        "score": st.sampled_from([1, None]),
        "custom_fields": st.fixed_dictionaries(
            {}, optional={"plan": st.sampled_from(["Gold", None]), "topics": st.sampled_from([["law", "art"], [], None])}
        ),
    },
).filter(lambda fields: any(value != {} for value in fields.values()))


def _tag_change(sides: Sequence[int]) -> dict[str, Any]:
    names = (*TAGS, "New")
    chosen = {side: [{"name": name} for name, given in zip(names, sides, strict=True) if given == number] for number, side in SIDES}
    return {"tags": {**chosen, "create_missing": True}}


SIDES = ((1, "add"), (2, "remove"))
CHANGES = st.one_of(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)).filter(any).map(_tag_change),
    st.builds(lambda fields: {"fields": fields}, FIELDS),
    st.just({"delete": True}),
)


@dataclass
class World:
    """An account, its contacts in the order in which they were made, and its groups by name."""

    context: Context
    contacts: list[int] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)

    def target(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """A target as resolvers take it, without contacts that do not exist."""
        match wanted:
            case {"group": name}:
                return {"group_id": to_global_id("Group", self.groups[name].id)}
            case {"contacts": numbers}:
                ids = [self.contacts[number % len(self.contacts)] for number in numbers]
                return {"contact_ids": [to_global_id("Contact", contact_id) for contact_id in ids]}
            case _:
                return {"where": wanted["where"]}

    async def picture(self) -> dict[str, Any]:
        """The fields, tags and groups of every contact by its source, without ids and times of change."""
        people = {contact.id: await self._portrait(contact) for contact in await self.context.scope.contacts}
        groups = {}
        for name, group in self.groups.items():
            members = await self.context.scope.group_members.filter(set_id=group.members_id).values_list("record_id", flat=True)
            groups[name] = sorted(await self._names(group, list(members)))
        return {"people": {person["source"]: person for person in people.values()}, "groups": groups}

    async def _portrait(self, contact: Contact) -> dict[str, Any]:
        scope = self.context.scope
        unlike = {"id", "account_id", "owner_id", "updated_at"}
        fields = {name: getattr(contact, name) for name in contact._meta.db_fields if name not in unlike}
        names = dict(await scope.tags.values_list("id", "name"))
        taggings = await scope.taggings.filter(contact_id=contact.id)
        values = (
            await scope.custom_values.filter(contact_id=contact.id).order_by("field_id", "ordinal").values("field__key", "text", "folded")
        )
        terms = await scope.search_terms.filter(contact_id=contact.id).values_list("term", flat=True)
        appointments = await scope.appointments.filter(contact_id=contact.id).order_by("id").values("title", "starts_at", "status")
        tags = sorted((names[tagging.tag_id], tagging.tagged_at, tagging.tagged_by_id is not None) for tagging in taggings)
        return {**fields, "tags": tags, "custom": values, "terms": sorted(map(str, terms)), "appointments": appointments}

    async def _names(self, group: Group, ids: list[Any]) -> list[str]:
        if group.record_type == "APPOINTMENT":
            ids = await self.context.scope.appointments.filter(id__in=ids).values_list("contact_id", flat=True)
        return [str(name) for name in await self.context.scope.contacts.filter(id__in=ids).values_list("source", flat=True)]

    async def is_true(self) -> bool:
        """Whether all memberships are what they must be."""
        services = self.context.services
        return await verify(services.database, services.definitions, self.context.caller.account_id) == []


async def new_world(services: Services, people: Sequence[Mapping[str, Any]]) -> World:
    """A new account with these contacts and all the groups."""
    world = World(await new_account(services))
    context = world.context
    await create_custom_field(context, key="plan", label="Plan", type=FieldType.DROPDOWN, choices=["Gold", "Silver"])
    await create_custom_field(context, key="topics", label="Topics", type=FieldType.LIST, choices=["art", "law"])
    for name in TAGS:
        await create_tag(context, name=name)
    await import_contacts(context, rows=[_row(number, person) for number, person in enumerate(people)])
    world.contacts = [contact.id for contact in await context.scope.contacts.order_by("id")]
    for contact_id, person in zip(world.contacts, people, strict=True):
        if person["appointed"]:
            values = {"title": "Call", "starts_at": services.wall_clock() + timedelta(days=1)}
            await create_appointment(context, contact_id=to_global_id("Contact", contact_id), values=values)
    for name, criteria in GROUPS.items():
        world.groups[name] = await create_group(context, name=name, criteria=criteria)
    nested = {"contacts": {"all": [{"group": {"memberOfNone": [to_global_id("Group", world.groups["Clients"].id)]}}, CANADA]}}
    world.groups["Canadian strangers"] = await create_group(context, name="Canadian strangers", criteria=nested)
    return world


def _row(number: int, person: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: person[name] for name in ("country", "company", "phone", "score") if name in person}
    custom = {key: person[key] for key in ("plan", "topics") if key in person}
    email = {"email": f"c{number}{person['email']}"} if "email" in person else {}
    fields = {"source": f"c{number}", **plain, **email, "custom_fields": custom}
    return {"fields": fields, "tags": [{"name": name} for name in sorted(person["tags"])]}


def in_chunks_of(services: Services, size: int) -> Services:
    """The same services, with small chunks."""
    return replace(services, bulk_chunk=size)


@dataclass(frozen=True, slots=True)
class MortalDatabase(Database):
    """The database as a process sees it that dies after some statements."""

    life: Iterator[int]

    async def rows(self, text: str, **values: Any) -> list[dict[str, Any]]:
        if next(self.life, None) is None:
            raise asyncio.CancelledError("the process has died")
        return await Database.rows(self, text, **values)


def mortal(services: Services, statements: int) -> Services:
    """The same services in a process that dies after so many statements."""
    database = services.database
    return replace(services, database=MortalDatabase(database.engine, database.path, database.context, iter(range(statements))))
