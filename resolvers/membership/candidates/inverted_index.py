"""Inverted index: from a changed value of a field to the groups whose membership it can affect."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any

from resolvers.criteria.language.mentions import Mention
from resolvers.criteria.semantics.ranges import HIGHEST, LOWEST
from resolvers.membership.candidates.persistent_map import Map
from resolvers.membership.candidates.postings import Asked, Guard, Key, Posting, Question

Ids = tuple[int, ...]
Bucket = dict[Mention | Asked, Map[Key, Ids]]  # the groups of one trigger, by place and key of their guards; not to be changed
Edge = tuple[Any, Question]  # a value from which on a question has another answer than before it
Moves = dict[int, bool]  # group ids; whether they come or go
Changes = dict[Mention, dict[Key, dict[Guard, Moves]]]  # by place and key of the trigger, and by guard

BOUND = itemgetter(0)


@dataclass(frozen=True, slots=True)
class FieldIndex:
    """The groups that look at one place; never changed, only revised."""

    buckets: Map[Key, Bucket] = field(default_factory=Map)
    edges: tuple[Edge, ...] = ()
    unordered: frozenset[Question] = frozenset()

    def questions(self) -> Iterator[Question]:
        """All that is asked of values here; some of it more than once."""
        return chain((question for _, question in self.edges), self.unordered)

    def questions_between(self, one: Any, other: Any) -> Iterator[Question]:
        """All that two values may answer differently."""
        first, last = (bisect_right(self.edges, value, key=BOUND) for value in sorted((one, other)))
        return chain((question for _, question in self.edges[first:last]), self.unordered)

    def revised(self, changes: Mapping[Key, Mapping[Guard, Moves]]) -> "FieldIndex":
        """The field_index after groups came to some of its buckets and went from others."""
        buckets = {key: _revised(self.buckets.get(key) or {}, moves) for key, moves in changes.items()}
        came = {key for key, bucket in buckets.items() if bucket and isinstance(key, Question) and key not in self.buckets}
        gone = {key for key, bucket in buckets.items() if not bucket and isinstance(key, Question)}
        return FieldIndex(
            buckets=self.buckets.revised({key: bucket or None for key, bucket in buckets.items()}),
            edges=_edges(self.edges, came, gone) if any(map(_bounds, came | gone)) else self.edges,
            unordered=self.unordered - gone | {question for question in came if not _bounds(question)},
        )


InvertedIndex = Map[Mention, FieldIndex]


def reindexed(inverted_index: InvertedIndex, came: Iterable[tuple[int, Posting]], gone: Iterable[tuple[int, Posting]]) -> InvertedIndex:
    """The inverted_index with some groups' postings added and others taken away."""
    changes: Changes = {}
    for postings, comes in ((came, True), (gone, False)):
        for group_id, ((place, key), guard) in postings:
            changes.setdefault(place, {}).setdefault(key, {}).setdefault(guard, {})[group_id] = comes
    revised = {place: (inverted_index.get(place) or FieldIndex()).revised(moves) for place, moves in changes.items()}
    return inverted_index.revised({place: field_index if field_index.buckets else None for place, field_index in revised.items()})


def _revised(bucket: Bucket, changes: Mapping[Guard, Moves]) -> Bucket:
    by_place: dict[Mention | Asked, dict[Key, Ids | None]] = {}
    for (place, key), moves in changes.items():
        ids = (bucket[place].get(key) if place in bucket else None) or ()
        by_place.setdefault(place, {})[key] = _moved(ids, moves) or None
    revised = bucket | {place: (bucket.get(place) or Map()).revised(ids) for place, ids in by_place.items()}
    return {place: ids for place, ids in revised.items() if place not in by_place or ids}


def _moved(ids: Ids, moves: Moves) -> Ids:
    kept = ids if all(moves.values()) else tuple(group_id for group_id in ids if group_id not in moves)
    return (*kept, *(group_id for group_id, comes in moves.items() if comes))


def _bounds(question: Question) -> list[Any]:
    return [bound for bound in chain.from_iterable(question.ranges) if bound not in (LOWEST, HIGHEST)]


def _edges(edges: tuple[Edge, ...], came: Iterable[Question], gone: Iterable[Question]) -> tuple[Edge, ...]:
    revised = list(edges)
    for edge in _edges_of(gone):
        place = bisect_left(revised, edge[0], key=BOUND)
        del revised[revised.index(edge, place)]
    for edge in _edges_of(came):
        insort(revised, edge, key=BOUND)
    return tuple(revised)


def _edges_of(questions: Iterable[Question]) -> Iterator[Edge]:
    return ((bound, question) for question in questions for bound in _bounds(question))
