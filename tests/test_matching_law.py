"""The law of matching: the groups that a write is said to affect include every group that it flips."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.fields import to_microseconds
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.needs import Needs
from resolvers.criteria.evaluation.predicate import values_of
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.mentions import EXISTENCE, Mention
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.language.tree import Column
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition, compile_definition
from resolvers.membership.candidates.inverted_index import guard_needs
from resolvers.membership.candidates.matching import ContactChange, Matching
from resolvers.membership.change import Values
from resolvers.membership.evaluation.evaluate import records_of
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.support import criteria_world as world
from tests.support.effort import examples

RECORD_TYPES = PRODUCT_WITH_DEALS.record_types
OWNED = RECORD_TYPES.owned
EVERYTHING = Needs(tags=True, custom=True, groups=True, owned=frozenset(OWNED))
FIRST_GROUP = 101  # above those that the world's criteria ask for
LIMITS = CriteriaLimits(depth=20)  # what is drawn may be nested deeper than people may nest it
COLUMNS = [*world.CONTACT_TEXTS, *world.CONTACT_INSTANTS, "score", "spent", "birthday", "owner"]

# What guards are made of, together, which whole trees seldom have.
equalities = st.one_of(
    world.one_key(country=world.one_key(equals=world.some(world.texts)), company=world.one_key(equals=world.some(world.texts))),
    world.one_key(owner=world.one_key(isAny=world.some(world.user_refs)), spent=world.one_key(equals=world.some(world.numbers))),
    world.one_key(tags=world.one_key(containsAny=world.some(world.tag_refs), containsAll=world.some(world.tag_refs))),
    world.one_key(custom=st.builds(lambda held: {"key": "agreed", "boolean": {"is": held}}, st.booleans())),
)
conjunctions = st.lists(equalities, min_size=2, max_size=3).map(lambda found: {"contacts": {"all": found}})
documents = st.lists(world.documents_with_deals | conjunctions, min_size=1, max_size=25)
numbers_owned = st.builds(
    lambda key, count: {"contacts": {key: {"atLeast": {"count": count}}}}, st.sampled_from([*RECORD_TYPES.owned_by_key]), st.integers(1, 3)
)
zones = st.sampled_from(world.ZONES)
seeds = st.integers(0, 2**32)
spans = st.sampled_from([timedelta(), timedelta(), timedelta(seconds=1), timedelta(hours=5), timedelta(days=40)])
some_of_all = st.sampled_from([EVERYTHING, EVERYTHING, Needs(), Needs(tags=True), Needs(custom=True)])
lawful = settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], print_blob=True
)


def definition(group_id: int, document: dict[str, Any], zone: ZoneInfo) -> Definition:
    accepted = parse(document, world.vocabulary(zone, with_gone=True, record_types=RECORD_TYPES), LIMITS)
    tree = parse(accepted.document, world.vocabulary(zone, with_gone=False, record_types=RECORD_TYPES), LIMITS, stored=True)
    return compile_definition(group_id, tree, members_id=group_id)


def account(documents: Iterable[dict[str, Any]], zone: ZoneInfo) -> AccountDefinitions:
    groups = {number: definition(number, document, zone) for number, document in enumerate(documents, FIRST_GROUP)}
    return AccountDefinitions(-1, zone).renewed(0, zone, changed=groups, gone=())


def contacts(seed: int, count: int) -> list[world.Record]:
    return world.with_deals(world.contacts(seed, count), seed)


def holds(group: Definition, facts: ContactFacts, now: Now) -> set[int]:
    return {record.id for record in records_of(facts, group.record_type) if group.predicate(record, now)}


def mixed(before: dict[str, Any], other: dict[str, Any], changed: set[str]) -> dict[str, Any]:
    """The record with what is named here as it is in the other one."""
    after = before | {key: other[key] for key in (*COLUMNS, "groups") if key in changed}
    for kind in ("tags", "custom"):
        keys = {key.partition(":")[2] for key in changed if key.startswith(f"{kind}:")}
        after[kind] = {key: value for key, value in before[kind].items() if key not in keys}
        after[kind] |= {key: value for key, value in other[kind].items() if key in keys}
    for key in RECORD_TYPES.owned_by_key:
        taken = iter(other[key] if key in changed else ())
        after[key] = [kept | next(taken, {}) | {"id": kept["id"], "contact": after} for kept in before[key]]
    return after


PARTS = st.sets(
    st.sampled_from(
        [
            *COLUMNS,
            *(f"tags:{name}" for name in world.TAGS),
            *(f"custom:{key}" for key in world.FIELDS),
            "groups",
            *RECORD_TYPES.owned_by_key,
        ]
    ),
    min_size=1,
    max_size=6,
)


def touched(before: ContactFacts, after: ContactFacts) -> dict[Mention, Values]:
    """What differs, with the values before."""
    found: dict[Mention, Values] = {}
    for column, value in before.values.items():
        if value != after.values[column]:
            found[Mention("contact", column)] = () if value is None else (value,)
    for tag_id in before.tags.keys() | after.tags.keys():
        if before.tags.get(tag_id) != after.tags.get(tag_id):
            found[Mention("tag", tag_id)] = ()
    for field_id in before.custom.keys() | after.custom.keys():
        if before.custom.get(field_id) != after.custom.get(field_id):
            found[Mention("custom", field_id)] = tuple(before.custom.get(field_id, ()))
    for each in OWNED:
        for one, other in zip(before.owned[each], after.owned[each], strict=True):
            differing = [column for column in each.columns if one.values.get(column) != other.values.get(column)]
            found |= {Mention(each.noun, column): () for column in differing}
    return found


def matched(matching: Matching, alteration: ContactChange, flipped: set[int], loaded: Needs) -> set[int]:
    """All groups that settling looks at, with as much loaded as it asks for, and more."""
    index = matching.index
    alteration.loaded = index.trigger_needs(alteration.touched) | loaded
    if alteration.touched and not any(map(index.covers, alteration.touched)) and not alteration.created:
        return matching.followers(flipped, alteration)
    buckets = matching.triggered(alteration)
    alteration.loaded |= guard_needs(buckets)
    found = matching.candidates(buckets, alteration) | flipped
    return found | matching.followers(found, alteration)


def time_flips(group: Definition, facts: ContactFacts, settled: Now, now: Now) -> bool:
    """Whether the clock's step will find the contact for this group anyway."""
    for leaf in group.temporal:
        record_type = leaf.source.record_type if isinstance(leaf.source, Column) else CONTACT
        for record in records_of(facts, record_type):
            for value in values_of(leaf.source)(record):
                if leaf.check(settled).in_memory()(value) != leaf.check(now).in_memory()(value):
                    return True
    return False


@lawful
@given(
    seed=seeds,
    documents=documents,
    moment=world.moments_of_evaluation,
    span=spans,
    changed=PARTS,
    lack=st.tuples(st.sets(st.integers(0, 9)), some_of_all),
)
def test_every_group_that_a_change_flips_is_a_candidate(
    *,
    seed: int,
    documents: list[dict[str, Any]],
    moment: tuple[datetime, ZoneInfo],
    span: timedelta,
    changed: set[str],
    lack: tuple[set[int], Needs],
) -> None:
    known = account(documents, moment[1])
    settled, now = known.at(to_microseconds(moment[0] - span)), known.at(to_microseconds(moment[0]))
    one, other = contacts(seed, 2)
    before, after = world.facts(one), world.facts(mixed(one, other, changed))
    after.id = before.id
    mentions = touched(before, after)
    unknown, loaded = lack
    told = {mention: values for number, (mention, values) in enumerate(mentions.items()) if number not in unknown}
    told = {mention: values for mention, values in told.items() if mention.kind in ("contact", "custom")}
    alteration = ContactChange(after, mentions.keys(), told)
    found = matched(known.matching(settled=settled, now=now), alteration, before.groups ^ after.groups, loaded)
    for group in known.groups.values():
        for then in (settled, now):
            if holds(group, before, then) != holds(group, after, now) and not time_flips(group, after, settled, now):
                assert group.group_id in found, group.tree.document


@lawful
@given(seed=seeds, documents=documents, moment=world.moments_of_evaluation, loaded=some_of_all)
def test_every_group_that_a_new_contact_is_in_is_a_candidate(
    seed: int, documents: list[dict[str, Any]], moment: tuple[datetime, ZoneInfo], loaded: Needs
) -> None:
    known, now = account(documents, moment[1]), Now(to_microseconds(moment[0]), moment[1])
    facts = world.facts(contacts(seed, 1)[0])
    facts.groups = set()
    alteration = ContactChange(facts, created=RECORD_TYPES.all)
    found = matched(known.matching(settled=now, now=now), alteration, set(), loaded)
    assert {group.group_id for group in known.groups.values() if holds(group, facts, now)} <= found


@lawful
@given(
    seed=seeds,
    documents=st.lists(world.documents_with_deals | numbers_owned, min_size=1, max_size=25),
    moment=world.moments_of_evaluation,
    loaded=some_of_all,
    comes=st.booleans(),
    record_type=st.sampled_from(OWNED),
)
def test_every_group_that_an_owned_record_flips_by_coming_or_going_is_a_candidate(
    *, seed: int, documents: list[dict[str, Any]], moment: tuple[datetime, ZoneInfo], loaded: Needs, comes: bool, record_type: RecordType
) -> None:
    known, now = account(documents, moment[1]), Now(to_microseconds(moment[0]), moment[1])
    record = next(contact for contact in contacts(seed, 50) if contact[record_type.key])
    without, full = world.facts(record), world.facts(record)
    lone = without.owned[record_type][-1].id
    without.owned[record_type] = without.owned[record_type][:-1]
    created = [record_type] if comes else []
    alteration = ContactChange(full if comes else without, [Mention(record_type.noun, EXISTENCE)], created=created)
    found = matched(known.matching(settled=now, now=now), alteration, set(), loaded)
    for group in known.groups.values():
        # What is gone is in no group any more, without being judged.
        gone = set() if comes or group.record_type is not record_type else {lone}
        if holds(group, without, now) != holds(group, full, now) - gone:
            assert group.group_id in found, group.tree.document


zoned = st.sampled_from(
    [{"contacts": {"createdAt": {operator: {"day": {"date": "2026-03-29"}}}}} for operator in ("before", "onOrAfter")]
    + [{"contacts": {"lastActivityAt": {"on": [{"date": "2026-03-29"}, {"date": "2026-10-25"}]}}}]
)
EDITS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(FIRST_GROUP, 110), world.documents_with_deals | zoned, max_size=4),
        st.sets(st.integers(FIRST_GROUP, 110)),
        zones,
    ),
    min_size=1,
    max_size=6,
)


def contents(known: AccountDefinitions) -> Any:
    """All that there is to say about an index, in no order."""
    inverted_index = {
        place: (
            {(key, guard, value): frozenset(ids) for key, bucket in field_index.buckets.items() for guard, by_value in bucket.items()
             for value, ids in by_value.items()},
            sorted((bound, hash(question)) for bound, question in field_index.edges),
            field_index.unordered,
        )
        for place, field_index in known.inverted_index.fields.items()
    }  # fmt: skip
    assert all(
        [bound for bound, _ in field_index.edges] == sorted(bound for bound, _ in field_index.edges)
        for field_index in known.inverted_index.fields.values()
    )
    return inverted_index, dict(known.temporal), set(known.groups)


@settings(lawful, max_examples=examples(80))
@given(edits=EDITS)
def test_an_index_that_is_renewed_again_and_again_is_the_one_built_at_once(
    edits: list[tuple[dict[int, dict[str, Any]], set[int], ZoneInfo]],
) -> None:
    known, expected = AccountDefinitions(-1, ZoneInfo("UTC")), dict[int, dict[str, Any]]()
    earlier: list[tuple[AccountDefinitions, Any]] = []
    for changed, gone, zone in edits:
        earlier.append((known, contents(known)))
        compiled = {number: definition(number, document, zone) for number, document in changed.items()}
        known = known.renewed(known.version + 1, zone, changed=compiled, gone=gone - changed.keys())
        expected = {number: document for number, document in expected.items() if number not in gone} | changed
    built = AccountDefinitions(-1, known.zone).renewed(
        0, known.zone, changed={number: definition(number, document, known.zone) for number, document in expected.items()}, gone=()
    )
    assert contents(known) == contents(built)
    assert [contents(version) for version, _ in earlier] == [told for _, told in earlier]
