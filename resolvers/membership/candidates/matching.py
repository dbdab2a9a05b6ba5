"""Matching: which groups can a write have flipped? Never too few, and hardly any that it cannot have."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

from models import RecordType
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.predicate import Needs
from resolvers.criteria.language.mentions import ANY_TAG, Mention
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.inverted_index import Bucket, FieldIndex, Ids, InvertedIndex
from resolvers.membership.candidates.persistent_map import Map
from resolvers.membership.candidates.postings import ANYHOW, GROUPS, NEW, TAGS, Asked, Key, Question
from resolvers.membership.change import Values


@dataclass(slots=True, eq=False)
class Alteration:
    """A contact's facts after a write, what the write touched, and the values from before it where they are known.

    `loaded` is what has been read into the facts; whatever has not may be anything.
    """

    facts: ContactFacts
    touched: Collection[Mention] = ()
    known_before: Mapping[Mention, Values] = field(default_factory=dict)
    created: Collection[RecordType] = ()
    loaded: Needs = field(default_factory=Needs)

    def before(self, place: Mention) -> Values | None:
        """The values of a column or custom field before the write; None if nobody knows."""
        if place.kind == "custom" and not self.loaded.custom:
            return None
        return self.known_before.get(place) if place in self.touched else self.after(place)

    def after(self, place: Mention) -> Values:
        """The values of a column or custom field after the write."""
        if place.kind == "custom":
            return self.facts.custom.get(int(place.key), ())
        value = self.facts.values[str(place.key)]
        return () if value is None else (value,)

    def held(self, place: Mention) -> Collection[str | int] | None:
        """What the contact holds at a place, or held before the write; None if that may be anything."""
        if place.kind == "tag":
            return {*self.facts.tags, *self.touched_tags()} if self.loaded.tags else None
        if place.kind == "group":
            return self.facts.groups if self.loaded.groups or RecordType.CONTACT in self.created else None
        if place.kind == "appointment":
            return None
        before = self.before(place)
        return None if before is None else {*before, *self.after(place)}

    def touched_tags(self) -> set[int]:
        """The tags that came or went."""
        return {int(mention.key) for mention in self.touched if mention.kind == "tag"}

    def may_turn_untagged(self) -> bool:
        """Whether, for all that is known, the contact has no tag either before or after the write."""
        touched = self.touched_tags()
        return bool(touched) and not (self.loaded.tags and self.facts.tags.keys() - touched)


class Foreseen(NamedTuple):
    """Groups that a write may reach whatever its contacts are like, and what their guards look at."""

    groups: frozenset[int] = frozenset()
    needs: Needs = Needs()


class Places:
    """Where an account's groups look, whatever the time."""

    def __init__(self, inverted_index: InvertedIndex) -> None:
        self._inverted_index = inverted_index

    def concerned(self, mention: Mention) -> bool:
        """Whether any group looks there."""
        if mention.kind == "tag":
            return bool(self._bucket(TAGS, mention.key) or self._bucket(TAGS, ANY_TAG))
        return mention in self._inverted_index

    def needed(self, touched: Iterable[Mention]) -> Needs:
        """What must be known of a contact, beyond its columns, to tell what the touched values trigger."""
        mentions = list(touched)
        return Needs(
            tags=any(mention.kind == "tag" for mention in mentions) and self._bucket(TAGS, ANY_TAG) is not None,
            custom=any(mention.kind == "custom" and mention in self._inverted_index for mention in mentions),
        )

    def foreseen(self, touched: Iterable[Mention], most: int) -> Foreseen:
        """All groups that changed taggings may reach, through any number of levels; nothing if there are more than so many."""
        keys = {mention.key for mention in touched if mention.kind == "tag"}
        buckets = [bucket for bucket in (self._bucket(TAGS, key) for key in keys | {ANY_TAG} if keys) if bucket]
        needs, found, asked = guards_need(buckets), set[int](), self._inverted_index.get(GROUPS)
        while buckets:
            reached = set(islice(_ids(buckets), most + 1)) - found
            found |= reached
            if len(found) > most:
                return Foreseen()
            buckets = list(asked.buckets.those(reached)) if asked else []
        return Foreseen(frozenset(found), needs)

    def _bucket(self, place: Mention, key: Key) -> Bucket | None:
        field_index = self._inverted_index.get(place)
        return field_index.buckets.get(key) if field_index else None


class Matching(Places):
    """An account's inverted_index, asked at the present moment.

    Where time moves conditions, what a membership says may still be the truth of the moment up to which all is settled,
    so that a value counts as unchanged only if it means the same at both moments.
    """

    def __init__(self, inverted_index: InvertedIndex, *, settled: Now, now: Now) -> None:
        super().__init__(inverted_index)
        self._now = now
        self._moments = (now,) if settled is now else (settled, now)

    def triggered(self, alteration: Alteration) -> list[Bucket]:
        """The groups with a condition that the write may have given another answer."""
        found = [bucket for mention in alteration.touched for bucket in self._at(mention, alteration)]
        if alteration.may_turn_untagged():
            found.append(self._bucket(TAGS, ANY_TAG))
        found += [self._bucket(NEW[record_type], ANYHOW) for record_type in alteration.created]
        return [bucket for bucket in found if bucket]

    def candidates(self, buckets: Iterable[Bucket], alteration: Alteration) -> set[int]:
        """Those of the triggered groups whose guards let the contact through."""
        found: set[int] = set()
        for place, by_key in chain.from_iterable(bucket.items() for bucket in buckets):
            found.update(*self._let_through(place, by_key, alteration))
        return found

    def followers(self, group_ids: Iterable[int], alteration: Alteration) -> set[int]:
        """The groups that may flip because of these, through any number of levels, if these do."""
        asked = self._inverted_index.get(GROUPS)
        found: set[int] = set()
        reached = set(group_ids)
        while asked and (buckets := asked.buckets.those(reached)):
            reached = self.candidates(buckets, alteration) - found
            found |= reached
        return found

    def _let_through(self, place: Mention | Asked, by_key: Map[Key, Ids], alteration: Alteration) -> Iterable[Ids]:
        if isinstance(place, Asked):
            unknown = place.about.kind == "custom" and not alteration.loaded.custom
            return [ids for question, ids in by_key.entries() if unknown or _is_met(question, alteration.facts, self._now)]
        held = alteration.held(place)
        return by_key.every() if held is None else by_key.those(held)

    def _at(self, mention: Mention, alteration: Alteration) -> Iterator[Bucket | None]:
        if mention.kind == "tag":
            yield self._bucket(TAGS, mention.key)
        elif field_index := self._inverted_index.get(mention):
            before = alteration.before(mention)
            if before is None:
                yield from field_index.buckets.every()
            else:
                yield from self._between(mention, field_index, before, alteration.after(mention))

    def _between(self, place: Mention, field_index: FieldIndex, before: Values, after: Values) -> Iterator[Bucket | None]:
        if before == after:
            return
        for value in {*before} ^ {*after}:
            yield field_index.buckets.get(value)
        one_each = len(before) == len(after) == 1
        was, became = _facts(place, before), _facts(place, after)
        for question in field_index.questions_between(before[0], after[0]) if one_each else field_index.questions():
            if self._differs(question, was, became):
                yield field_index.buckets.get(question)

    def _differs(self, question: Question, was: ContactFacts, became: ContactFacts) -> bool:
        answer = question.judge(became, self._now)
        return any(question.judge(was, moment) is not answer for moment in self._moments)


def guards_need(buckets: Iterable[Bucket]) -> Needs:
    """What must be known of a contact, beyond its columns, for these guards."""
    places = {place.about if isinstance(place, Asked) else place for bucket in buckets for place in bucket}
    kinds = {place.kind for place in places}
    return Needs(tags="tag" in kinds, custom="custom" in kinds)


def _ids(buckets: Iterable[Bucket]) -> Iterator[int]:
    """All groups in the buckets; one with several guards more than once."""
    by_key = chain.from_iterable(bucket.values() for bucket in buckets)
    return chain.from_iterable(chain.from_iterable(ids.every() for ids in by_key))


def _is_met(question: Key, facts: ContactFacts, now: Now) -> bool:
    return isinstance(question, Question) and question.judge(facts, now) is not question.condition.negated


def _facts(place: Mention, values: Values) -> ContactFacts:
    """A contact of whom nothing matters but the values at one place."""
    if place.kind == "custom":
        return ContactFacts(0, {}, custom={int(place.key): values})
    return ContactFacts(0, {str(place.key): values[0] if values else None})
