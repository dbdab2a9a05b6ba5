"""A random account for the laws of membership: criteria, operations, and an account that carries them out."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from models.errors import Refused
from models.ids import to_global_id
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.maintenance.clock import step
from resolvers.operation.context import Context
from resolvers.records.appointments import create_appointment, delete_appointment, update_appointment
from resolvers.records.contacts import create_contact, delete_contact, update_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import create_tag, delete_tag, merge_tags, update_tag
from tests.support.clock import DrivenClock

TAGS = ("Client", "Straße", "lead")
COUNTRIES = ("Canada", "México", "STRASSE", "straße", " canada ", None)
HOURS = st.integers(-30, 30)


def _text() -> st.SearchStrategy[dict[str, Any]]:
    values = st.lists(st.sampled_from(["canada", "MÉXICO", "a", "%", "strasse"]), min_size=1, max_size=2)
    operators = st.sampled_from(["equals", "contains", "startsWith", "endsWith"])
    return st.one_of(
        st.builds(lambda operator, found: {operator: found}, operators, values),
        st.builds(lambda empty: {"isEmpty": empty}, st.booleans()),
    )


def _negative_text() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([{"notEquals": ["Canada"]}, {"notContains": ["a"]}, {"notStartsWith": ["m"]}])


def _moment() -> st.SearchStrategy[dict[str, Any]]:
    moments = st.builds(lambda hours: {"now": {"hours": hours}}, HOURS) | st.just({"day": {"named": "TOMORROW"}})
    operators = st.sampled_from(["before", "onOrBefore", "after", "onOrAfter"])
    return st.builds(lambda operator, moment: {operator: moment}, operators, moments)


def _tags() -> st.SearchStrategy[dict[str, Any]]:
    refs = st.lists(st.builds(lambda name: {"name": name}, st.sampled_from(TAGS)), min_size=1, max_size=2)
    operators = st.sampled_from(["containsAny", "containsAll"])
    return st.builds(lambda operator, found: {operator: found}, operators, refs) | st.just({"isEmpty": True})


def _trees(leaves: st.SearchStrategy[dict[str, Any]], negatives: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda found: {"all": found}, st.lists(inner | negatives, min_size=1, max_size=3)),
            st.builds(lambda found: {"any": found}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda found: {"not": found}, inner),
        ),
        max_leaves=5,
    )


def _named(*keys: str) -> Any:
    return lambda conditions: st.builds(lambda key, condition: {key: condition}, st.sampled_from(keys), conditions)


APPOINTMENT_LEAVES = _named("title", "location")(_text()) | _named("startsAt", "endsAt")(_moment())
CONTACT_LEAVES = st.one_of(
    _named("country", "email", "company")(_text()),
    _named("tags")(_tags()),
    _named("lastActivityAt", "createdAt", "updatedAt")(_moment()),
    st.builds(lambda tree: {"appointments": {"some": tree}}, APPOINTMENT_LEAVES),
    st.builds(lambda tag, when: {"taggedAt": {"tag": {"name": tag}, "when": when}}, st.sampled_from(TAGS), _moment()),
)
CRITERIA = st.one_of(
    st.builds(lambda tree: {"contacts": tree}, _trees(CONTACT_LEAVES, _named("country")(_negative_text()))),
    st.builds(
        lambda tree: {"appointments": tree},
        _trees(APPOINTMENT_LEAVES | st.builds(lambda tree: {"contact": tree}, CONTACT_LEAVES), _named("title")(_negative_text())),
    ),
)
NUMBER = st.integers(0, 5)
FIELDS = st.fixed_dictionaries(
    {}, optional={"country": st.sampled_from(COUNTRIES), "company": st.sampled_from(["100%", "a_b", None]), "last_activity_at": HOURS}
)
APPOINTMENT = st.fixed_dictionaries(
    {"title": st.sampled_from(["Call", "Canada"]), "starts_at": HOURS}, optional={"location": st.sampled_from(["Strasse", None])}
)
OPERATIONS = st.one_of(
    st.tuples(st.just("create_contact"), FIELDS, st.lists(st.sampled_from(TAGS), max_size=2)),
    st.tuples(st.just("update_contact"), NUMBER, FIELDS),
    st.tuples(st.just("delete_contact"), NUMBER),
    st.tuples(st.sampled_from(["add_tags", "remove_tags"]), st.lists(NUMBER, min_size=1, max_size=3), st.sampled_from(TAGS)),
    st.tuples(st.just("create_appointment"), NUMBER, APPOINTMENT),
    st.tuples(st.just("update_appointment"), NUMBER, APPOINTMENT),
    st.tuples(st.just("delete_appointment"), NUMBER),
    st.tuples(st.just("create_group"), CRITERIA),
    st.tuples(st.just("update_group"), NUMBER, CRITERIA),
    st.tuples(st.just("nest_group"), NUMBER, st.sampled_from(["memberOfAny", "memberOfNone"])),
    st.tuples(st.just("delete_group"), NUMBER),
    st.tuples(st.just("rename_tag"), st.sampled_from(TAGS)),
    st.tuples(st.just("delete_tag"), st.sampled_from(TAGS)),
    st.tuples(st.just("merge_tags"), st.sampled_from(TAGS), st.sampled_from(TAGS)),
    st.tuples(st.just("pass_time"), st.floats(0.1, 20)),
)


@dataclass
class World:
    """An account under test; what does not apply in its present state is not done."""

    context: Context
    clock: DrivenClock
    contacts: list[str] = field(default_factory=list)
    appointments: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    async def run(self, name: str, *arguments: Any) -> None:
        # Where a rule says no, nothing may have changed: the law is checked after it too.
        with suppress(Refused):
            await getattr(self, name)(*arguments)

    def _pick(self, found: list[str], number: int) -> str:
        return found[number % len(found)] if found else to_global_id("None", 0)

    def _at(self, fields: dict[str, Any], name: str) -> dict[str, Any]:
        if name not in fields:
            return fields
        return fields | {name: self.clock.now + timedelta(hours=fields[name])}

    async def ensure_tags(self) -> None:
        for name in TAGS:
            if name not in self.tags:
                self.tags[name] = to_global_id("Tag", (await create_tag(self.context, name=name, description=None, color=None)).id)

    async def create_contact(self, fields: dict[str, Any], tags: list[str]) -> None:
        refs = [{"id": self.tags[tag]} for tag in tags]
        given = self._at(fields, "last_activity_at")
        contact = await create_contact(self.context, fields=given, tags=refs, create_missing_tags=False)
        self.contacts.append(to_global_id("Contact", contact.id))

    async def update_contact(self, number: int, fields: dict[str, Any]) -> None:
        if self.contacts:
            given = self._at(fields, "last_activity_at")
            await update_contact(self.context, contact_id=self._pick(self.contacts, number), fields=given)

    async def delete_contact(self, number: int) -> None:
        if self.contacts:
            deleted = self._pick(self.contacts, number)
            await delete_contact(self.context, deleted)
            self.contacts.remove(deleted)
            self.appointments = [to_global_id("Appointment", kept.id) for kept in await self.context.scope.appointments]

    async def add_tags(self, numbers: list[int], tag: str) -> None:
        if self.contacts:
            ids = [self._pick(self.contacts, number) for number in numbers]
            await add_tags(self.context, contact_ids=ids, tags=[{"id": self.tags[tag]}], create_missing=False)

    async def remove_tags(self, numbers: list[int], tag: str) -> None:
        if self.contacts:
            ids = [self._pick(self.contacts, number) for number in numbers]
            await remove_tags(self.context, contact_ids=ids, tags=[{"id": self.tags[tag]}])

    async def create_appointment(self, number: int, values: dict[str, Any]) -> None:
        if self.contacts:
            given = self._at(values, "starts_at")
            appointment = await create_appointment(self.context, contact_id=self._pick(self.contacts, number), values=given)
            self.appointments.append(to_global_id("Appointment", appointment.id))

    async def update_appointment(self, number: int, values: dict[str, Any]) -> None:
        if self.appointments:
            picked = self._pick(self.appointments, number)
            await update_appointment(self.context, appointment_id=picked, values=self._at(values, "starts_at"))

    async def delete_appointment(self, number: int) -> None:
        if self.appointments:
            picked = self._pick(self.appointments, number)
            await delete_appointment(self.context, picked)
            self.appointments.remove(picked)

    async def create_group(self, criteria: dict[str, Any]) -> None:
        group = await create_group(self.context, name="Group", criteria=criteria)
        self.groups.append(to_global_id("Group", group.id))

    async def update_group(self, number: int, criteria: dict[str, Any]) -> None:
        if self.groups:
            await update_group(self.context, group_id=self._pick(self.groups, number), changes={"criteria": criteria})

    async def nest_group(self, number: int, operator: str) -> None:
        if self.groups:
            await self.create_group({"contacts": {"group": {operator: [self._pick(self.groups, number)]}}})

    async def delete_group(self, number: int) -> None:
        if self.groups:
            picked = self._pick(self.groups, number)
            await delete_group(self.context, group_id=picked, force=True)
            self.groups.remove(picked)

    async def rename_tag(self, tag: str) -> None:
        await update_tag(self.context, tag_id=self.tags[tag], changes={"name": tag.upper() + "2"})
        await update_tag(self.context, tag_id=self.tags[tag], changes={"name": tag})

    async def delete_tag(self, tag: str) -> None:
        await delete_tag(self.context, tag_id=self.tags.pop(tag), force=True)
        await self.ensure_tags()

    async def merge_tags(self, source: str, target: str) -> None:
        await merge_tags(self.context, source_id=self.tags[source], target_id=self.tags[target])
        del self.tags[source]
        await self.ensure_tags()

    async def pass_time(self, hours: float) -> None:
        self.clock.pass_(hours=hours)
        await step(self.context.services)
