"""One contact before and after a write, as far as is known: by this the groups that the write may flip are told from the others."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from models import RecordType
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.predicate import Needs
from resolvers.criteria.language.mentions import Mention

Values = tuple[str | int, ...]  # that are there


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
