"""The groups of an account, compiled, and found by what a write touches: it looks only at those that it can affect."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from models import RecordType
from resolvers.criteria.evaluation.predicate import Needs, Predicate, compile_predicate, needs
from resolvers.criteria.language.mentions import Mention, groups_mentioned
from resolvers.criteria.language.temporal import TemporalLeaf, temporal_leaves, zoned_leaves
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.inverted_index import FieldIndex, InvertedIndex, reindexed
from resolvers.membership.candidates.matching import Matching
from resolvers.membership.candidates.persistent_map import Map
from resolvers.membership.candidates.postings import GROUPS, TAGS, Posting, postings

MOMENTS = 2  # that are kept: the present one, and the one up to which all is settled


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One group's criteria, ready to judge records, with everything by which the group is found.

    `members_id` is the set of its members; with `replaces_id` it is the next membership of that group, in the making.
    """

    group_id: int
    members_id: int
    replaces_id: int | None
    record_type: RecordType
    tree: Tree
    predicate: Predicate
    needs: Needs
    temporal: tuple[TemporalLeaf, ...]
    is_zoned: bool

    @property
    def below(self) -> list[int]:
        """The groups whose members the criteria ask for, ascending."""
        return sorted(groups_mentioned(self.tree)) if self.needs.groups else []


def compile_definition(group_id: int, tree: Tree, *, members_id: int, replaces_id: int | None = None) -> Definition:
    """The definition of a group by its criteria."""
    return Definition(
        group_id=group_id,
        members_id=members_id,
        replaces_id=replaces_id,
        record_type=tree.record_type,
        tree=tree,
        predicate=compile_predicate(tree),
        needs=needs(tree),
        temporal=temporal_leaves(tree),
        is_zoned=bool(zoned_leaves(tree)),
    )


@dataclass(frozen=True, slots=True)
class AccountDefinitions:
    """All groups of an account at one definitions version; never changed, only replaced.

    Versions share nearly everything with each other. One that is rolled back leaves no trace, and whoever still works
    with an older one is not disturbed.
    """

    version: int
    zone: ZoneInfo
    groups: Map[int, Definition] = field(default_factory=Map)
    inverted_index: InvertedIndex = field(default_factory=Map)
    temporal: Map[TemporalLeaf, frozenset[int]] = field(default_factory=Map)
    _ranks: dict[int, int] = field(default_factory=dict)
    _moments: dict[int, Now] = field(default_factory=dict)

    def at(self, instant: int) -> Now:
        """The moment in the account's time zone: the same object while the clock stands, because conditions keep what they find for it."""
        if instant not in self._moments:
            if len(self._moments) == MOMENTS:
                self._moments.clear()
            self._moments[instant] = Now(instant, self.zone)
        return self._moments[instant]

    def matching(self, *, settled: Now, now: Now) -> Matching:
        """What tells the groups that a write can have flipped, now that all is settled up to a moment."""
        return Matching(self.inverted_index, settled=settled, now=now)

    def mentioning(self, mention: Mention) -> set[int]:
        """The groups whose criteria mention this."""
        place = {"tag": TAGS, "group": GROUPS}.get(mention.kind, mention)
        buckets = (self.inverted_index.get(place) or FieldIndex()).buckets
        found = buckets.every() if place == mention else buckets.those([mention.key])
        return {group_id for bucket in found for by_guard in bucket.values() for ids in by_guard.every() for group_id in ids}

    def mentioned_by(self, group_id: int) -> list[int]:
        """The groups that a group's criteria ask for, ascending."""
        return self.groups[group_id].below if group_id in self.groups else []

    def dependants(self, group_ids: Iterable[int]) -> set[int]:
        """The groups that depend on these through any number of levels, these excluded unless they do."""
        found: set[int] = set()
        reached = set(group_ids)
        while reached:
            reached = {each for group_id in reached for each in self.mentioning(Mention("group", group_id))} - found
            found |= reached
        return found

    def replacing(self, group_ids: Collection[int]) -> set[int]:
        """The next memberships, in the making, of these groups."""
        return {group_id for group_id, definition in self.groups.entries() if definition.replaces_id in group_ids}

    def rank(self, group_id: int) -> int:
        """A number that is above that of every group which this one depends on."""
        if group_id not in self._ranks and self.mentioned_by(group_id):
            for each in TopologicalSorter(self._below(group_id)).static_order():
                self._ranks[each] = max((self._ranks[below] + 1 for below in self.mentioned_by(each)), default=0)
        return self._ranks.get(group_id, 0)

    def _below(self, group_id: int) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        reached = [group_id]
        while reached:
            each = reached.pop()
            if each not in found:
                found[each] = self.mentioned_by(each)
                reached += found[each]
        return found

    def renewed(self, version: int, zone: ZoneInfo, *, changed: Mapping[int, Definition], gone: Iterable[int]) -> "AccountDefinitions":
        """The same groups at a later version: some defined anew, some gone, all others as they are compiled."""
        zoned = self._zoned() if zone != self.zone else {}
        after: dict[int, Definition | None] = {**zoned, **dict.fromkeys(gone), **changed}
        before = {group_id: self.groups.get(group_id) for group_id in after}
        old = {group_id: _postings(definition, self.zone) for group_id, definition in before.items()}
        new = {group_id: _postings(definition, zone) for group_id, definition in after.items()}
        return AccountDefinitions(
            version=version,
            zone=zone,
            groups=self.groups.revised(after),
            inverted_index=reindexed(self.inverted_index, came=_beyond(old, new), gone=_beyond(new, old)),
            temporal=_temporal(self.temporal, gone=before, came=after),
        )

    def _zoned(self) -> dict[int, Definition]:
        return {group_id: definition for group_id, definition in self.groups.entries() if definition.is_zoned}


def _postings(definition: Definition | None, zone: ZoneInfo) -> set[Posting]:
    return postings(definition.group_id, definition.tree, zone) if definition else set()


def _beyond(one: Mapping[int, set[Posting]], other: Mapping[int, set[Posting]]) -> Iterator[tuple[int, Posting]]:
    return ((group_id, posting) for group_id, found in other.items() for posting in found - one[group_id])


def _temporal(
    known: Map[TemporalLeaf, frozenset[int]], *, gone: Mapping[int, Definition | None], came: Mapping[int, Definition | None]
) -> Map[TemporalLeaf, frozenset[int]]:
    revised: dict[TemporalLeaf, set[int]] = {}
    for definitions, revise in ((gone, set.discard), (came, set.add)):
        for group_id, definition in definitions.items():
            for leaf in definition.temporal if definition else ():
                revise(revised.setdefault(leaf, {*(known.get(leaf) or ())}), group_id)
    return known.revised({leaf: frozenset(group_ids) or None for leaf, group_ids in revised.items()})
