"""Matching: from one contact before and after a write to the groups that the write may add it to or remove it from.

The result is a superset of the affected groups, called candidates. It never lacks one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.needs import Needs
from resolvers.criteria.language.mentions import ANY_TAG, Mention
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.inverted_index import Bucket, FieldIndex, Ids, InvertedIndex
from resolvers.membership.candidates.persistent_map import Map
from resolvers.membership.candidates.postings import ANY_VALUE, GROUPS, TAGS, UNGUARDED, Key, Question, QuestionsAbout, created_mention
from resolvers.membership.change import Values


@dataclass(slots=True, eq=False)
class ContactChange:
    """One contact: its facts after a write, the fields that the write touched, and values from before it where they are known.

    `loaded` says what has been read into the facts. Facts that have not been read may have any value.
    """

    facts: ContactFacts
    touched: Collection[Mention] = ()
    known_before: Mapping[Mention, Values] = field(default_factory=dict)
    created: Collection[RecordType] = ()
    loaded: Needs = field(default_factory=Needs)

    def before(self, mention: Mention) -> Values | None:
        """The values of a column or custom field before the write. None if they are not known."""
        if mention.kind == "custom" and not self.loaded.custom:
            return None
        return self.known_before.get(mention) if mention in self.touched else self.after(mention)

    def after(self, mention: Mention) -> Values:
        """The values of a column or custom field after the write."""
        if mention.kind == "custom":
            return self.facts.custom.get(int(mention.key), ())
        value = self.facts.values[str(mention.key)]
        return () if value is None else (value,)

    def before_or_after(self, mention: Mention) -> Collection[str | int] | None:
        """All values that a field has after the write or had before it. None if they may be any."""
        if mention.kind == "tag":
            return {*self.facts.tags, *self.touched_tags()} if self.loaded.tags else None
        if mention.kind == "group":
            return self.facts.groups if self.loaded.groups or CONTACT in self.created else None
        if mention == UNGUARDED:
            return None
        before = self.before(mention)
        return None if before is None else {*before, *self.after(mention)}

    def touched_tags(self) -> set[int]:
        """The tags that were added or removed."""
        return {int(mention.key) for mention in self.touched if mention.kind == "tag"}

    def may_be_untagged(self) -> bool:
        """Whether the contact may have had no tag before the write, or may have none after it, while its tags changed."""
        touched = self.touched_tags()
        return bool(touched) and not (self.loaded.tags and self.facts.tags.keys() - touched)


class Matching:
    """Finds candidate groups in an account's inverted index at the present moment.

    While the clock's step is under way, a stored membership may still be right for the moment `settled`. So a value counts as
    unchanged only if questions have the same answer at both moments.
    """

    def __init__(self, index: InvertedIndex, *, settled: Now, now: Now) -> None:
        self.index = index
        self._now = now
        self._moments = (now,) if settled is now else (settled, now)

    def triggered(self, contact: ContactChange) -> list[Bucket]:
        """The groups with a condition whose answer the write may have changed."""
        found = [bucket for mention in contact.touched for bucket in self._triggered_by(mention, contact)]
        if contact.may_be_untagged():
            found.append(self.index.bucket(TAGS, ANY_TAG))
        found += [self.index.bucket(created_mention(record_type), ANY_VALUE) for record_type in contact.created]
        return [bucket for bucket in found if bucket]

    def candidates(self, buckets: Iterable[Bucket], contact: ContactChange) -> set[int]:
        """The triggered groups of which the contact meets a guard."""
        found: set[int] = set()
        for guarded, by_key in chain.from_iterable(bucket.items() for bucket in buckets):
            found.update(*self._guarded(guarded, by_key, contact))
        return found

    def followers(self, group_ids: Iterable[int], contact: ContactChange) -> set[int]:
        """The groups that may be affected if the contact joins or leaves these, through any number of groups in groups."""
        in_groups = self.index.fields.get(GROUPS)
        found: set[int] = set()
        reached = set(group_ids)
        while in_groups and (buckets := in_groups.buckets.those(reached)):
            reached = self.candidates(buckets, contact) - found
            found |= reached
        return found

    def _guarded(self, guarded: Mention | QuestionsAbout, by_key: Map[Key, Ids], contact: ContactChange) -> Iterable[Ids]:
        """Those of these groups of which the contact meets a guard, or may meet one."""
        if isinstance(guarded, QuestionsAbout):
            unknown = guarded.mention.kind == "custom" and not contact.loaded.custom
            return [ids for question, ids in by_key.entries() if unknown or _is_met(question, contact.facts, self._now)]
        values = contact.before_or_after(guarded)
        return by_key.every() if values is None else by_key.those(values)

    def _triggered_by(self, mention: Mention, contact: ContactChange) -> Iterator[Bucket | None]:
        if mention.kind == "tag":
            yield self.index.bucket(TAGS, mention.key)
        elif field_index := self.index.fields.get(mention):
            before = contact.before(mention)
            if before is None:
                yield from field_index.buckets.every()
            else:
                yield from self._between(mention, field_index, before, contact.after(mention))

    def _between(self, mention: Mention, field_index: FieldIndex, before: Values, after: Values) -> Iterator[Bucket | None]:
        """The groups for which it may make a difference whether the field has these values or those."""
        if before == after:
            return
        for value in {*before} ^ {*after}:
            yield field_index.buckets.get(value)
        one_each = len(before) == len(after) == 1
        was, became = _facts(mention, before), _facts(mention, after)
        for question in field_index.questions_between(before[0], after[0]) if one_each else field_index.questions():
            if self._differs(question, was, became):
                yield field_index.buckets.get(question)

    def _differs(self, question: Question, was: ContactFacts, became: ContactFacts) -> bool:
        answer = question.answer(became, self._now)
        return any(question.answer(was, moment) is not answer for moment in self._moments)


def _is_met(question: Key, facts: ContactFacts, now: Now) -> bool:
    return isinstance(question, Question) and question.answer(facts, now) is not question.condition.negated


def _facts(mention: Mention, values: Values) -> ContactFacts:
    """A contact of which only the values of one field matter."""
    if mention.kind == "custom":
        return ContactFacts(0, {}, custom={int(mention.key): values})
    return ContactFacts(0, {str(mention.key): values[0] if values else None})
