"""The compiled groups of an account, with the indexes by which a write finds those that it can affect."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from resolvers.criteria.evaluation.needs import Needs, needs
from resolvers.criteria.evaluation.predicate import Predicate, compile_predicate
from resolvers.criteria.language.mentions import Mention, groups_mentioned
from resolvers.criteria.language.record_types import RecordType
from resolvers.criteria.language.temporal import TemporalLeaf, temporal_leaves, zoned_leaves
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.inverted_index import FieldIndex, InvertedIndex
from resolvers.membership.candidates.matching import Matching
from resolvers.membership.candidates.persistent_map import Map
from resolvers.membership.candidates.postings import GROUPS, TAGS, Posting, postings

MOMENTS = 2  # kept at a time: the present one, and the one up to which everything is settled


class OutdatedDefinitions(Exception):
    """The account's definitions have another version than the one that a write works with. Nothing was settled."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One group's criteria, compiled to be evaluated.

    `members_id` is the set of its members. A group with `replaces_id` is hidden: it is being built to replace that group.
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
    def mentioned_groups(self) -> list[int]:
        """The groups that the criteria mention, ascending."""
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
    """All groups of an account at one definitions version. Immutable: another version is another instance.

    Versions share nearly all of their memory. A write can go on with an older version while a newer one is made.
    """

    version: int
    zone: ZoneInfo
    groups: Map[int, Definition] = field(default_factory=Map)
    inverted_index: InvertedIndex = field(default_factory=InvertedIndex)
    temporal: Map[TemporalLeaf, frozenset[int]] = field(default_factory=Map)
    _ranks: dict[int, int] = field(default_factory=dict)
    _moments: dict[int, Now] = field(default_factory=dict)

    def at(self, instant: int) -> Now:
        """The moment in the account's time zone. The same object for the same instant, because conditions cache results by it."""
        if instant not in self._moments:
            if len(self._moments) == MOMENTS:
                self._moments.clear()
            self._moments[instant] = Now(instant, self.zone)
        return self._moments[instant]

    def check_version(self, stored: int) -> None:
        """Raise `OutdatedDefinitions` if the account's stored version is another one."""
        if self.version != stored:
            raise OutdatedDefinitions

    def matching(self, *, settled: Now, now: Now) -> Matching:
        """A search for candidate groups at this moment, while memberships are settled up to another one."""
        return Matching(self.inverted_index, settled=settled, now=now)

    def mentioning(self, mention: Mention) -> set[int]:
        """The groups whose criteria mention this."""
        indexed = {"tag": TAGS, "group": GROUPS}.get(mention.kind, mention)
        buckets = (self.inverted_index.fields.get(indexed) or FieldIndex()).buckets
        found = buckets.every() if indexed == mention else buckets.those([mention.key])
        return {group_id for bucket in found for by_key in bucket.values() for ids in by_key.every() for group_id in ids}

    def mentioned_by(self, group_id: int) -> list[int]:
        """The groups that a group's criteria mention, ascending."""
        return self.groups[group_id].mentioned_groups if group_id in self.groups else []

    def dependants(self, group_ids: Iterable[int]) -> set[int]:
        """The groups whose criteria mention these, directly or through other groups."""
        found: set[int] = set()
        reached = set(group_ids)
        while reached:
            reached = {each for group_id in reached for each in self.mentioning(Mention("group", group_id))} - found
            found |= reached
        return found

    def replacing(self, group_ids: Collection[int]) -> set[int]:
        """The hidden groups that are being built to replace these."""
        return {group_id for group_id, definition in self.groups.entries() if definition.replaces_id in group_ids}

    def rank(self, group_id: int) -> int:
        """The depth of groups in groups: a number above that of every group that this one mentions."""
        if group_id not in self._ranks and self.mentioned_by(group_id):
            unranked = self._unranked(group_id)
            for each in TopologicalSorter(unranked).static_order():
                if each in unranked:
                    self._ranks[each] = max((self._ranks[mentioned] + 1 for mentioned in unranked[each]), default=0)
        return self._ranks.get(group_id, 0)

    def _unranked(self, group_id: int) -> dict[int, list[int]]:
        """The groups whose ranks have to be known first, each with those that it mentions."""
        found: dict[int, list[int]] = {}
        reached = [group_id]
        while reached:
            each = reached.pop()
            if each not in found and each not in self._ranks:
                found[each] = self.mentioned_by(each)
                reached += found[each]
        return found

    def renewed(self, version: int, zone: ZoneInfo, *, changed: Mapping[int, Definition], gone: Iterable[int]) -> "AccountDefinitions":
        """The groups at a later version: some compiled anew, some deleted, all others as they are."""
        zoned = self._zoned() if zone != self.zone else {}
        after: dict[int, Definition | None] = {**zoned, **dict.fromkeys(gone), **changed}
        before = {group_id: self.groups.get(group_id) for group_id in after}
        old = {group_id: _postings(definition, self.zone) for group_id, definition in before.items()}
        new = {group_id: _postings(definition, zone) for group_id, definition in after.items()}
        return AccountDefinitions(
            version=version,
            zone=zone,
            groups=self.groups.revised(after),
            inverted_index=self.inverted_index.revised(added=_beyond(old, new), removed=_beyond(new, old)),
            temporal=_temporal(self.temporal, removed=before, added=after),
        )

    def _zoned(self) -> dict[int, Definition]:
        return {group_id: definition for group_id, definition in self.groups.entries() if definition.is_zoned}


def _postings(definition: Definition | None, zone: ZoneInfo) -> set[Posting]:
    return postings(definition.group_id, definition.tree, zone) if definition else set()


def _beyond(one: Mapping[int, set[Posting]], other: Mapping[int, set[Posting]]) -> Iterator[tuple[int, Posting]]:
    return ((group_id, posting) for group_id, found in other.items() for posting in found - one[group_id])


def _temporal(
    known: Map[TemporalLeaf, frozenset[int]], *, removed: Mapping[int, Definition | None], added: Mapping[int, Definition | None]
) -> Map[TemporalLeaf, frozenset[int]]:
    revised: dict[TemporalLeaf, set[int]] = {}
    for definitions, revise in ((removed, set.discard), (added, set.add)):
        for group_id, definition in definitions.items():
            for leaf in definition.temporal if definition else ():
                revise(revised.setdefault(leaf, {*(known.get(leaf) or ())}), group_id)
    return known.revised({leaf: frozenset(group_ids) or None for leaf, group_ids in revised.items()})
