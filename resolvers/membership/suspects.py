"""From what a write has touched to the groups that its contacts must be judged against, reading no more of them than that takes."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import chain

from models import RecordType
from resolvers.criteria.facts import ContactFacts
from resolvers.criteria.predicate import Needs
from resolvers.membership.alteration import Alteration
from resolvers.membership.change import Change
from resolvers.membership.facts import FactsReader
from resolvers.membership.matching import Matching, guards_need
from resolvers.membership.pace import paced
from resolvers.membership.postings import NEW


@dataclass(slots=True)
class Suspects:
    """Groups to judge, by contact, and all groups that may flip once those do; `reader` has read the contacts' columns."""

    reader: FactsReader
    by_contact: dict[int, set[int]] = field(default_factory=dict)
    reachable: set[int] = field(default_factory=set)


async def find_suspects(change: Change, matching: Matching, known: Collection[int]) -> Suspects:
    """Every one of the known groups that the write may have flipped, for each contact."""
    concerned = _concerned(change, matching)
    found = Suspects(FactsReader(change.database, change.account_id, concerned))
    if concerned:
        await _search(change, matching, known, found)
        found.reader.keep_only(found.by_contact)
    return found


def _concerned(change: Change, matching: Matching) -> set[int]:
    created = (ids for record_type, ids in change.created_for.items() if matching.concerned(NEW[record_type]))
    touched = (contact_id for contact_id, mentions in change.touched.items() if any(map(matching.concerned, mentions)))
    return {*chain.from_iterable(created), *touched, *change.suspects}


async def _search(change: Change, matching: Matching, known: Collection[int], found: Suspects) -> None:
    loaded = await found.reader.read(matching.needed(set(chain.from_iterable(change.touched.values()))))
    alterations = [_alteration(change, facts, loaded) for facts in found.reader.facts.values()]
    triggered = [(alteration, matching.triggered(alteration)) async for alteration in paced(alterations)]
    loaded = await found.reader.read(guards_need(chain.from_iterable(buckets for _, buckets in triggered)))
    async for alteration, buckets in paced(triggered):
        alteration.loaded = loaded
        given = {group_id for group_id in change.suspects.get(alteration.facts.id, ()) if group_id in known}
        group_ids = given | matching.candidates(buckets, alteration)
        if group_ids:
            found.by_contact[alteration.facts.id] = group_ids
            found.reachable |= group_ids | matching.followers(group_ids, alteration)


def _alteration(change: Change, facts: ContactFacts, loaded: Needs) -> Alteration:
    created = [record_type for record_type, ids in change.created_for.items() if facts.id in ids]
    if RecordType.CONTACT in created:
        return Alteration(facts, created=created, loaded=loaded)  # whatever is true of it now, was not before
    touched, before = change.touched.get(facts.id, set()), change.before.get(facts.id, {})
    return Alteration(facts, touched, known_before=before, created=created, loaded=loaded)
