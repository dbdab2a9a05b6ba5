"""Records in memory, as predicates read them: every value in the form in which it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from resolvers.criteria.language.record_types import RecordType

StoredValue = str | int | None


@dataclass(slots=True, eq=False)
class ContactFacts:
    """A contact: columns by name, when each tag was given, custom values by field id, the records it owns, and its groups."""

    id: int
    values: Mapping[str, StoredValue]
    tags: Mapping[int, int] = field(default_factory=dict)
    custom: Mapping[int, tuple[str | int, ...]] = field(default_factory=dict)
    owned: dict[RecordType, Sequence["OwnedFacts"]] = field(default_factory=dict)
    groups: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class OwnedFacts:
    """A record that a contact owns: its columns by name, and its contact."""

    id: int
    values: Mapping[str, StoredValue]
    contact: ContactFacts


Facts = ContactFacts | OwnedFacts
