"""Inverted index: from a changed value of a field to the groups whose membership it can affect.

Postings, triggers, guards and questions are explained in `postings.py`. All of it is immutable: an edit makes another index.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple

from resolvers.criteria.evaluation.needs import Needs
from resolvers.criteria.language.mentions import ANY_TAG, Mention
from resolvers.criteria.semantics.ranges import HIGHEST, LOWEST
from resolvers.membership.candidates.persistent_map import Map
from resolvers.membership.candidates.postings import GROUPS, TAGS, Guard, Key, Posting, Question, QuestionsAbout

Ids = tuple[int, ...]
Bucket = dict[Mention | QuestionsAbout, Map[Key, Ids]]  # the groups of one trigger, by field and key of their guards; never changed
Edge = tuple[Any, Question]  # a value from which on a question has another answer than below it
Moves = dict[int, bool]  # by group id, whether the group is added or removed
Changes = dict[Mention, dict[Key, dict[Guard, Moves]]]  # by field and key of the trigger, and by guard

BOUND = itemgetter(0)


@dataclass(frozen=True, slots=True)
class FieldIndex:
    """The groups whose criteria look at one field, by the keys of their triggers."""

    buckets: Map[Key, Bucket] = field(default_factory=Map)
    edges: tuple[Edge, ...] = ()
    unordered: frozenset[Question] = frozenset()

    def questions(self) -> Iterator[Question]:
        """All questions about the field. Some come more than once."""
        return chain((question for _, question in self.edges), self.unordered)

    def questions_between(self, one: Any, other: Any) -> Iterator[Question]:
        """The questions that may have different answers for these two values."""
        first, last = (bisect_right(self.edges, value, key=BOUND) for value in sorted((one, other)))
        return chain((question for _, question in self.edges[first:last]), self.unordered)

    def revised(self, changes: Mapping[Key, Mapping[Guard, Moves]]) -> "FieldIndex":
        """The index of the field after groups were added to some buckets and removed from others."""
        buckets = {key: _revised(self.buckets.get(key) or {}, moves) for key, moves in changes.items()}
        added = {key for key, bucket in buckets.items() if bucket and isinstance(key, Question) and key not in self.buckets}
        removed = {key for key, bucket in buckets.items() if not bucket and isinstance(key, Question)}
        return FieldIndex(
            buckets=self.buckets.revised({key: bucket or None for key, bucket in buckets.items()}),
            edges=_edges(self.edges, added, removed) if any(map(_bounds, added | removed)) else self.edges,
            unordered=self.unordered - removed | {question for question in added if not _bounds(question)},
        )


class Reach(NamedTuple):
    """Groups that a write can affect whatever its contacts are like, and what must be read of the contacts to narrow them down."""

    group_ids: frozenset[int] = frozenset()
    needs: Needs = Needs()


@dataclass(frozen=True, slots=True)
class InvertedIndex:
    """The groups of an account by the fields that their criteria look at."""

    fields: Map[Mention, FieldIndex] = field(default_factory=Map)

    def bucket(self, mention: Mention, key: Key) -> Bucket | None:
        """The groups with this trigger, if there are any."""
        field_index = self.fields.get(mention)
        return field_index.buckets.get(key) if field_index else None

    def covers(self, mention: Mention) -> bool:
        """Whether any group's criteria look at this field or tag."""
        if mention.kind == "tag":
            return bool(self.bucket(TAGS, mention.key) or self.bucket(TAGS, ANY_TAG))
        return mention in self.fields

    def reach(self, touched: Iterable[Mention], most: int) -> Reach:
        """The groups that changed tags can affect, through groups in groups, and what to read. No groups if they are more than `most`."""
        mentions = list(touched)
        tags = {mention.key for mention in mentions if mention.kind == "tag"}
        buckets = [bucket for bucket in (self.bucket(TAGS, key) for key in tags | {ANY_TAG} if tags) if bucket]
        needs = self.trigger_needs(mentions)
        group_ids = self._reachable(buckets, most)
        return Reach(frozenset(), needs) if group_ids is None else Reach(frozenset(group_ids), needs | guard_needs(buckets))

    def trigger_needs(self, touched: Iterable[Mention]) -> Needs:
        """What must be read of a contact, beyond its columns, to find the triggers that the touched values set off."""
        mentions = list(touched)
        return Needs(
            tags=any(mention.kind == "tag" for mention in mentions) and self.bucket(TAGS, ANY_TAG) is not None,
            custom=any(mention.kind == "custom" and mention in self.fields for mention in mentions),
        )

    def _reachable(self, buckets: list[Bucket], most: int) -> set[int] | None:
        found, in_groups = set[int](), self.fields.get(GROUPS)
        while buckets:
            reached = set(islice(_ids(buckets), most + 1)) - found
            found |= reached
            if len(found) > most:
                return None
            buckets = list(in_groups.buckets.those(reached)) if in_groups else []
        return found

    def revised(self, added: Iterable[tuple[int, Posting]], removed: Iterable[tuple[int, Posting]]) -> "InvertedIndex":
        """The index with some groups' postings added and others removed."""
        changes: Changes = {}
        for postings, adds in ((added, True), (removed, False)):
            for group_id, ((mention, key), guard) in postings:
                changes.setdefault(mention, {}).setdefault(key, {}).setdefault(guard, {})[group_id] = adds
        revised = {mention: (self.fields.get(mention) or FieldIndex()).revised(moves) for mention, moves in changes.items()}
        return InvertedIndex(self.fields.revised({mention: each if each.buckets else None for mention, each in revised.items()}))


def guard_needs(buckets: Iterable[Bucket]) -> Needs:
    """What must be read of a contact, beyond its columns, to check these groups' guards."""
    mentions = {guarded.mention if isinstance(guarded, QuestionsAbout) else guarded for bucket in buckets for guarded in bucket}
    kinds = {mention.kind for mention in mentions}
    return Needs(tags="tag" in kinds, custom="custom" in kinds)


def _ids(buckets: Iterable[Bucket]) -> Iterator[int]:
    """All groups in the buckets. A group with several guards comes more than once."""
    by_key = chain.from_iterable(bucket.values() for bucket in buckets)
    return chain.from_iterable(chain.from_iterable(ids.every() for ids in by_key))


def _revised(bucket: Bucket, changes: Mapping[Guard, Moves]) -> Bucket:
    changed: dict[Mention | QuestionsAbout, dict[Key, Ids | None]] = {}
    for (guarded, key), moves in changes.items():
        ids = (bucket[guarded].get(key) if guarded in bucket else None) or ()
        changed.setdefault(guarded, {})[key] = _moved(ids, moves) or None
    revised = bucket | {guarded: (bucket.get(guarded) or Map()).revised(ids) for guarded, ids in changed.items()}
    return {guarded: ids for guarded, ids in revised.items() if guarded not in changed or ids}


def _moved(ids: Ids, moves: Moves) -> Ids:
    kept = ids if all(moves.values()) else tuple(group_id for group_id in ids if group_id not in moves)
    return (*kept, *(group_id for group_id, adds in moves.items() if adds))


def _bounds(question: Question) -> list[Any]:
    return [bound for bound in chain.from_iterable(question.ranges) if bound not in (LOWEST, HIGHEST)]


def _edges(edges: tuple[Edge, ...], added: Iterable[Question], removed: Iterable[Question]) -> tuple[Edge, ...]:
    revised = list(edges)
    for edge in _edges_of(removed):
        position = bisect_left(revised, edge[0], key=BOUND)
        del revised[revised.index(edge, position)]
    for edge in _edges_of(added):
        insort(revised, edge, key=BOUND)
    return tuple(revised)


def _edges_of(questions: Iterable[Question]) -> Iterator[Edge]:
    return ((bound, question) for question in questions for bound in _bounds(question))
