"""Clients that write contacts and the records that these own, each its own, and remember what was acknowledged."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from models import Contact, Tagging
from models.ids import to_global_id
from resolvers.criteria.language.record_types import RecordType
from resolvers.records.appointments import APPOINTMENT
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.deals.records import DEAL
from tests.torture.fleet import Fleet
from tests.torture.ledger import Ledger, Order

TAGS = ("Client", "Lead")
COUNTRIES = ("Canada", "Mexico", "France", None)
MOST_CONTACTS = 8
SOON = (-0.3, 0.8)  # seconds from now within which everything happens that time brings about

CREATE_CONTACT = """
    mutation ($fields: ContactFields!, $tags: [TagRef!]) {
        createContact(input: {fields: $fields, tags: $tags}) { contact { id } userErrors { code message } }
    }
"""
UPDATE_CONTACT = """
    mutation ($id: ID!, $fields: ContactFields!) { updateContact(input: {id: $id, fields: $fields}) { userErrors { code message } } }
"""
DELETE_CONTACT = "mutation ($id: ID!) { deleteContact(id: $id) { userErrors { code message } } }"
ADD_TAGS = """
    mutation ($ids: [ID!]!, $tag: String!) {
        addTags(input: {contactIds: $ids, tags: [{name: $tag}]}) { userErrors { code message } }
    }
"""
REMOVE_TAGS = ADD_TAGS.replace("addTags", "removeTags")
CREATE_OWNED = """
    mutation ($contact: ID!, $title: String!, $at: DateTime!) {
        create%(type)s(input: {contactId: $contact, title: $title, %(time)s: $at}) { %(noun)s { id } userErrors { code message } }
    }
"""
UPDATE_OWNED = """
    mutation ($id: ID!, $at: DateTime!) { update%(type)s(input: {id: $id, %(time)s: $at}) { userErrors { code message } } }
"""
DELETE_OWNED = "mutation ($id: ID!) { delete%(type)s(id: $id) { userErrors { code message } } }"

OWNED = PRODUCT_WITH_DEALS.record_types.owned
TIMES: Mapping[RecordType, str] = {APPOINTMENT: "startsAt", DEAL: "closesAt"}  # the field with the time that passes


def for_type(mutation: str, record_type: RecordType) -> str:
    """A mutation of records of this type."""
    return mutation % {"type": record_type.type_name, "noun": record_type.noun, "time": TIMES[record_type]}


def type_of(title: str) -> RecordType:
    """The type of a record, which its title ends with."""
    return next(each for each in OWNED if title.endswith(f" {each.noun}"))


@dataclass(frozen=True)
class Person:
    """A contact as its writer knows it, with the times of the records that it owns by their titles."""

    country: str | None
    heard_of: datetime | None = None
    tags: frozenset[str] = frozenset()
    meetings: dict[str, datetime] = field(default_factory=dict)


People = dict[str, Person]  # by e-mail address


class Writer:
    """Gives one random order after another until it is told to stop or does not know what became of the last."""

    def __init__(self, fleet: Fleet, name: str, chance: random.Random) -> None:
        self.ledger: Ledger[People] = Ledger({})
        self._fleet = fleet
        self._name = name
        self._chance = chance
        self._ids: dict[str, str] = {}
        self._serial = 0

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set() and not self.ledger.in_doubt:
            if order := self._order():
                self._learn(order, await self.ledger.carry_out(self._fleet, order))

    def _order(self) -> Order[People] | None:
        changes: list[Callable[[str], Order[People] | None]]
        changes = [self._move, self._move, self._tag, self._tag, self._meet, self._postpone, self._cancel, self._forget]
        people = self.ledger.known
        if not people or (len(people) < MOST_CONTACTS and self._chance.random() < 0.3):
            return self._create()
        return self._chance.choice(changes)(self._chance.choice(sorted(people)))

    def _learn(self, order: Order[People], payload: dict[str, Any] | None) -> None:
        for key, kind in (("email", "contact"), *(("title", each.noun) for each in OWNED)):
            name = order.variables.get("fields", order.variables).get(key)
            if payload and name and kind in payload:
                self._ids[name] = payload[kind]["id"]

    def _new_name(self, ending: str) -> str:
        self._serial += 1
        return f"{self._name}-{self._serial}{ending}"

    def _soon(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._chance.uniform(*SOON))

    def _create(self) -> Order[People]:
        email, country = self._new_name("@example.com"), self._chance.choice(COUNTRIES)
        tags = self._chance.sample(TAGS, self._chance.randint(0, 2))
        variables = {"fields": {"email": email, "country": country}, "tags": [{"name": tag} for tag in tags]}
        return Order(CREATE_CONTACT, variables, self._with(**{email: Person(country, tags=frozenset(tags))}))

    def _move(self, email: str) -> Order[People]:
        country, at = self._chance.choice(COUNTRIES), self._soon() + timedelta(minutes=1)
        moved = replace(self.ledger.known[email], country=country, heard_of=at)
        fields = {"country": country, "lastActivityAt": at.isoformat()}
        return Order(UPDATE_CONTACT, {"id": self._ids[email], "fields": fields}, self._with(**{email: moved}))

    def _tag(self, _: str) -> Order[People]:
        emails, tag = self._some(), self._chance.choice(TAGS)
        mutation, join = self._chance.choice([(ADD_TAGS, frozenset[str].union), (REMOVE_TAGS, frozenset[str].difference)])
        tagged = {email: replace(self.ledger.known[email], tags=join(self.ledger.known[email].tags, {tag})) for email in emails}
        return Order(mutation, {"ids": [self._ids[email] for email in emails], "tag": tag}, self._with(**tagged))

    def _some(self) -> Collection[str]:
        people = sorted(self.ledger.known)
        return self._chance.sample(people, self._chance.randint(1, min(3, len(people))))

    def _meet(self, email: str) -> Order[People]:
        record_type = self._chance.choice(OWNED)
        title, at = self._new_name(f" {record_type.noun}"), self._soon()
        variables = {"contact": self._ids[email], "title": title, "at": at.isoformat()}
        return Order(for_type(CREATE_OWNED, record_type), variables, self._with_meetings(email, **{title: at}))

    def _postpone(self, email: str) -> Order[People] | None:
        if not (meetings := self.ledger.known[email].meetings):
            return None
        title, at = self._chance.choice(sorted(meetings)), self._soon()
        postponed = for_type(UPDATE_OWNED, type_of(title))
        return Order(postponed, {"id": self._ids[title], "at": at.isoformat()}, self._with_meetings(email, **{title: at}))

    def _cancel(self, email: str) -> Order[People] | None:
        if not (meetings := self.ledger.known[email].meetings):
            return None
        title = self._chance.choice(sorted(meetings))
        left = {other: at for other, at in meetings.items() if other != title}
        known = self._with(**{email: replace(self.ledger.known[email], meetings=left)})
        return Order(for_type(DELETE_OWNED, type_of(title)), {"id": self._ids[title]}, known)

    def _forget(self, email: str) -> Order[People]:
        left = {other: person for other, person in self.ledger.known.items() if other != email}
        return Order(DELETE_CONTACT, {"id": self._ids[email]}, left)

    def _with(self, **changed: Person) -> People:
        return self.ledger.known | changed

    def _with_meetings(self, email: str, **changed: datetime) -> People:
        person = self.ledger.known[email]
        return self._with(**{email: replace(person, meetings=person.meetings | changed)})

    async def settle(self) -> int:
        """Compare what was acknowledged with what is stored, and go on from there. Returns how many rows were compared."""
        contacts = await Contact.filter(email__startswith=f"{self._name}-")
        numbers = [contact.id for contact in contacts]
        taggings = await Tagging.filter(contact_id__in=numbers).prefetch_related("tag")
        owned: list[Any] = [record for each in OWNED for record in await each.model.filter(contact_id__in=numbers)]
        self._ids = {contact.email or "": to_global_id("Contact", contact.id) for contact in contacts}
        self._ids |= {record.title: to_global_id(type_of(record.title).type_name, record.id) for record in owned}
        self.ledger.settle(
            {
                contact.email or "": Person(
                    contact.country,
                    contact.last_activity_at,
                    frozenset(tagging.tag.name for tagging in taggings if tagging.contact_id == contact.id),
                    {each.title: _time(each) for each in owned if each.contact_id == contact.id},
                )
                for contact in contacts
            }
        )
        return len(contacts) + len(taggings) + len(owned)


def _time(record: Any) -> datetime:
    record_type = type_of(record.title)
    found: datetime = getattr(record, record_type.fields[TIMES[record_type]].column)
    return found
