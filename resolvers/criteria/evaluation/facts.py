"""One record in memory, as predicates look at it: every value in the form in which it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

StoredValue = str | int | None


@dataclass(slots=True, eq=False)
class ContactFacts:
    """A contact: its columns by name, when it got each tag, its custom values by field id, its appointments and its groups."""

    id: int
    values: Mapping[str, StoredValue]
    tags: Mapping[int, int] = field(default_factory=dict)
    custom: Mapping[int, tuple[str | int, ...]] = field(default_factory=dict)
    appointments: Sequence["AppointmentFacts"] = ()
    groups: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class AppointmentFacts:
    """An appointment: its columns by name, and its contact."""

    id: int
    values: Mapping[str, StoredValue]
    contact: ContactFacts


Facts = ContactFacts | AppointmentFacts
