"""A random account for the laws of membership: criteria, operations, and an account that carries them out."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from models.errors import Refused
from models.ids import to_global_id
from resolvers.criteria.language.record_types import RecordType
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.maintenance.clock import step
from resolvers.operation.context import Context
from resolvers.records.appointments import APPOINTMENT, create_appointment, delete_appointment, update_appointment
from resolvers.records.contacts import create_contact, delete_contact, update_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import create_tag, delete_tag, merge_tags, update_tag
from tests.deals.records import DEAL, create_deal, delete_deal, update_deal
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


def _number() -> st.SearchStrategy[dict[str, Any]]:
    operators = st.sampled_from(["greaterThan", "greaterOrEqual", "lessThan", "lessOrEqual"])
    return st.builds(lambda operator, number: {operator: number}, operators, st.sampled_from(["0.5", "1", "10"]))


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


class OwnedKind(NamedTuple):
    """Records of one type that contacts own: conditions on them, their values, of which `time` is in hours, and what is done to them."""

    leaves: st.SearchStrategy[dict[str, Any]]
    values: st.SearchStrategy[dict[str, Any]]
    time: str
    create: Callable[[Context, str, dict[str, Any]], Awaitable[Any]]
    update: Callable[[Context, str, dict[str, Any]], Awaitable[Any]]
    delete: Callable[[Context, str], Awaitable[Any]]


OWNED: Mapping[RecordType, OwnedKind] = {
    APPOINTMENT: OwnedKind(
        leaves=_named("title", "location")(_text()) | _named("startsAt", "endsAt")(_moment()),
        values=st.fixed_dictionaries(
            {"title": st.sampled_from(["Call", "Canada"]), "starts_at": HOURS}, optional={"location": st.sampled_from(["Strasse", None])}
        ),
        time="starts_at",
        create=lambda context, contact, values: create_appointment(context, contact_id=contact, values=values),
        update=lambda context, record, values: update_appointment(context, appointment_id=record, values=values),
        delete=delete_appointment,
    ),
    DEAL: OwnedKind(
        leaves=_named("title")(_text()) | _named("amount")(_number()) | _named("closesAt", "createdAt")(_moment()),
        values=st.fixed_dictionaries(
            {"title": st.sampled_from(["Sale", "Canada"])},
            optional={"amount": st.sampled_from([None, "0.5", "10", "200"]), "closes_at": HOURS},
        ),
        time="closes_at",
        create=create_deal,
        update=update_deal,
        delete=delete_deal,
    ),
}
CONTACT_LEAVES = st.one_of(
    _named("country", "email", "company")(_text()),
    _named("tags")(_tags()),
    _named("lastActivityAt", "createdAt", "updatedAt")(_moment()),
    *(_named(record_type.key)(_named("some", "none")(kind.leaves)) for record_type, kind in OWNED.items()),
    st.builds(lambda tag, when: {"taggedAt": {"tag": {"name": tag}, "when": when}}, st.sampled_from(TAGS), _moment()),
)
CRITERIA = st.one_of(
    st.builds(lambda tree: {"contacts": tree}, _trees(CONTACT_LEAVES, _named("country")(_negative_text()))),
    *(
        _named(record_type.key)(_trees(kind.leaves | _named("contact")(CONTACT_LEAVES), _named("title")(_negative_text())))
        for record_type, kind in OWNED.items()
    ),
)
NUMBER = st.integers(0, 5)
FIELDS = st.fixed_dictionaries(
    {}, optional={"country": st.sampled_from(COUNTRIES), "company": st.sampled_from(["100%", "a_b", None]), "last_activity_at": HOURS}
)
OPERATIONS = st.one_of(
    st.tuples(st.just("create_contact"), FIELDS, st.lists(st.sampled_from(TAGS), max_size=2)),
    st.tuples(st.just("update_contact"), NUMBER, FIELDS),
    st.tuples(st.just("delete_contact"), NUMBER),
    st.tuples(st.sampled_from(["add_tags", "remove_tags"]), st.lists(NUMBER, min_size=1, max_size=3), st.sampled_from(TAGS)),
    *(
        st.tuples(st.sampled_from(["create_owned", "update_owned"]), st.just(record_type), NUMBER, kind.values)
        for record_type, kind in OWNED.items()
    ),
    st.tuples(st.just("delete_owned"), st.sampled_from([*OWNED]), NUMBER),
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
    """An account under test. Operations that do not apply in its present state are skipped."""

    context: Context
    clock: DrivenClock
    contacts: list[str] = field(default_factory=list)
    owned: dict[RecordType, list[str]] = field(default_factory=lambda: {record_type: [] for record_type in OWNED})
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
            for record_type in self.context.services.record_types.owned:
                kept = await self.context.scope.records(record_type)
                self.owned[record_type] = [to_global_id(record_type.type_name, record.id) for record in kept]

    async def add_tags(self, numbers: list[int], tag: str) -> None:
        if self.contacts:
            ids = [self._pick(self.contacts, number) for number in numbers]
            await add_tags(self.context, contact_ids=ids, tags=[{"id": self.tags[tag]}], create_missing=False)

    async def remove_tags(self, numbers: list[int], tag: str) -> None:
        if self.contacts:
            ids = [self._pick(self.contacts, number) for number in numbers]
            await remove_tags(self.context, contact_ids=ids, tags=[{"id": self.tags[tag]}])

    async def create_owned(self, record_type: RecordType, number: int, values: dict[str, Any]) -> None:
        if self.contacts:
            kind = OWNED[record_type]
            created = await kind.create(self.context, self._pick(self.contacts, number), self._at(values, kind.time))
            self.owned[record_type].append(to_global_id(record_type.type_name, created.id))

    async def update_owned(self, record_type: RecordType, number: int, values: dict[str, Any]) -> None:
        if owned := self.owned[record_type]:
            kind = OWNED[record_type]
            await kind.update(self.context, self._pick(owned, number), self._at(values, kind.time))

    async def delete_owned(self, record_type: RecordType, number: int) -> None:
        if owned := self.owned[record_type]:
            picked = self._pick(owned, number)
            await OWNED[record_type].delete(self.context, picked)
            owned.remove(picked)

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
