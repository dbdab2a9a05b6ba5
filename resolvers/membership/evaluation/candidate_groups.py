"""From what a write has touched to the groups that its contacts must be judged against, reading no more of them than that takes."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import chain

from models import RecordType
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.predicate import Needs
from resolvers.membership.candidates.event_loop import cooperatively
from resolvers.membership.candidates.matching import Alteration, Foreseen, Matching, Places, guards_need
from resolvers.membership.candidates.postings import NEW
from resolvers.membership.change import Change
from resolvers.membership.evaluation.facts import FactsReader


@dataclass(slots=True)
class CandidateGroups:
    """Groups to judge, by contact, and all groups that may flip once those do."""

    by_contact: dict[int, set[int]] = field(default_factory=dict)
    reachable: set[int] = field(default_factory=set)


def concerned(change: Change, places: Places) -> set[int]:
    """The contacts that any group may look at because of this write."""
    created = (ids for record_type, ids in change.created_for.items() if places.concerned(NEW[record_type]))
    touched = (contact_id for contact_id, mentions in change.touched.items() if any(map(places.concerned, mentions)))
    return {*chain.from_iterable(created), *touched, *change.candidates}


def foresee(change: Change, places: Places, most: int) -> Foreseen:
    """Groups that may be reached, if these are few; and what must be known, beyond columns, before it can be told which really are."""
    touched = set(chain.from_iterable(change.touched.values()))
    foreseen = places.foreseen(touched, most)
    return foreseen._replace(needs=foreseen.needs | places.needed(touched))


async def find_candidates(change: Change, matching: Matching, known: Collection[int], reader: FactsReader) -> CandidateGroups:
    """Every one of the known groups that the write may have flipped, for each concerned contact; the reader has what is needed."""
    found = CandidateGroups()
    alterations = [_alteration(change, facts, reader.loaded) for facts in reader.facts.values()]
    triggered = [(alteration, matching.triggered(alteration)) async for alteration in cooperatively(alterations)]
    await reader.read(guards_need(chain.from_iterable(buckets for _, buckets in triggered)))
    async for alteration, buckets in cooperatively(triggered):
        alteration.loaded = reader.loaded
        given = {group_id for group_id in change.candidates.get(alteration.facts.id, ()) if group_id in known}
        group_ids = given | matching.candidates(buckets, alteration)
        if group_ids:
            found.by_contact[alteration.facts.id] = group_ids
            found.reachable |= group_ids | matching.followers(group_ids, alteration)
    reader.keep_only(found.by_contact)
    return found


def _alteration(change: Change, facts: ContactFacts, loaded: Needs) -> Alteration:
    created = [record_type for record_type, ids in change.created_for.items() if facts.id in ids]
    if RecordType.CONTACT in created:
        return Alteration(facts, created=created, loaded=loaded)  # whatever is true of it now, was not before
    touched, before = change.touched.get(facts.id, set()), change.before.get(facts.id, {})
    return Alteration(facts, touched, known_before=before, created=created, loaded=loaded)
