"""The groups of an account, compiled, and found by what their criteria mention: a write looks only at those it can affect."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TypeVar
from zoneinfo import ZoneInfo

from models import RecordType
from resolvers.criteria.mentions import ANY_TAG, Mention, groups_mentioned, mentions
from resolvers.criteria.predicate import Needs, Predicate, compile_predicate, needs
from resolvers.criteria.temporal import TemporalLeaf, temporal_leaves, zoned_leaves
from resolvers.criteria.tree import Tree

K = TypeVar("K")
Found = dict[K, frozenset[int]]  # group ids by what leads to them


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One group's criteria, ready to judge records, with everything by which the group is found."""

    group_id: int
    record_type: RecordType
    tree: Tree
    predicate: Predicate
    needs: Needs
    mentions: frozenset[Mention]
    temporal: tuple[TemporalLeaf, ...]
    is_zoned: bool

    @property
    def below(self) -> list[int]:
        """The groups whose members the criteria ask for, ascending."""
        return sorted(groups_mentioned(self.tree))


def compile_definition(group_id: int, tree: Tree) -> Definition:
    """The definition of a group by its criteria."""
    return Definition(
        group_id=group_id,
        record_type=tree.record_type,
        tree=tree,
        predicate=compile_predicate(tree),
        needs=needs(tree),
        mentions=mentions(tree),
        temporal=temporal_leaves(tree),
        is_zoned=bool(zoned_leaves(tree)),
    )


@dataclass(frozen=True, slots=True)
class AccountDefinitions:
    """All groups of an account at one definitions version; never changed, only replaced."""

    version: int
    zone: ZoneInfo
    groups: dict[int, Definition] = field(default_factory=dict)
    mentioning: Found[Mention] = field(default_factory=dict)
    temporal: Found[TemporalLeaf] = field(default_factory=dict)
    ranks: dict[int, int] = field(default_factory=dict)

    def candidates(self, touched: Iterable[Mention]) -> set[int]:
        """The groups whose criteria mention any of these; no other group can be affected."""
        found: set[int] = set()
        for mention in touched:
            found |= self.mentioning.get(mention, frozenset())
            if mention.kind == "tag":
                found |= self.mentioning.get(Mention("tag", ANY_TAG), frozenset())
        return found

    def of(self, record_type: RecordType) -> set[int]:
        """The groups of this record type."""
        return {group_id for group_id, definition in self.groups.items() if definition.record_type is record_type}

    def mentioned_by(self, group_id: int) -> list[int]:
        """The groups that a group's criteria ask for, ascending."""
        return self.groups[group_id].below if group_id in self.groups else []

    def dependants(self, group_ids: Iterable[int]) -> set[int]:
        """The groups that depend on these through any number of levels, these excluded unless they do."""
        found: set[int] = set()
        reached = set(group_ids)
        while reached:
            reached = self.candidates(Mention("group", group_id) for group_id in reached) - found
            found |= reached
        return found

    def rank(self, group_id: int) -> int:
        """A number that is above that of every group which this one depends on."""
        return self.ranks.get(group_id, 0)

    def renewed(self, version: int, zone: ZoneInfo, *, changed: Mapping[int, Definition], gone: Iterable[int]) -> "AccountDefinitions":
        """The same groups at a later version: some defined anew, some gone, all others as they are compiled."""
        left = [self.groups[group_id] for group_id in {*changed, *gone} if group_id in self.groups]
        groups = {group_id: found for group_id, found in self.groups.items() if group_id not in gone} | dict(changed)
        return AccountDefinitions(
            version=version,
            zone=zone,
            groups=groups,
            mentioning=_renewed(self.mentioning, _mentioning(left), _mentioning(changed.values())),
            temporal=_renewed(self.temporal, _temporal(left), _temporal(changed.values())),
            ranks=_ranks(groups),
        )


def _mentioning(definitions: Iterable[Definition]) -> Iterator[tuple[Mention, int]]:
    return ((mention, definition.group_id) for definition in definitions for mention in definition.mentions)


def _temporal(definitions: Iterable[Definition]) -> Iterator[tuple[TemporalLeaf, int]]:
    return ((leaf, definition.group_id) for definition in definitions for leaf in definition.temporal)


def _renewed(found: Found[K], left: Iterable[tuple[K, int]], joined: Iterable[tuple[K, int]]) -> Found[K]:
    touched: dict[K, set[int]] = {}
    for key, group_id in left:
        touched.setdefault(key, set(found[key])).discard(group_id)
    for key, group_id in joined:
        touched.setdefault(key, set(found.get(key, ()))).add(group_id)
    renewed = found | {key: frozenset(group_ids) for key, group_ids in touched.items()}
    for key in [key for key, group_ids in touched.items() if not group_ids]:
        del renewed[key]
    return renewed


def _ranks(groups: Mapping[int, Definition]) -> dict[int, int]:
    # Most groups ask for no other and need no rank.
    below = {group_id: definition.below for group_id, definition in groups.items() if definition.needs.groups}
    return {group_id: rank for rank, group_id in enumerate(TopologicalSorter(below).static_order())}
