"""From the contacts that a write has touched to their joins and leaves: read, find candidate groups, evaluate their criteria."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from models.event_loop import cooperatively
from resolvers.criteria.evaluation.facts import ContactFacts, Facts
from resolvers.criteria.evaluation.needs import Needs
from resolvers.criteria.language.mentions import Mention
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition
from resolvers.membership.candidates.inverted_index import InvertedIndex, guard_needs
from resolvers.membership.candidates.matching import ContactChange, Matching
from resolvers.membership.candidates.postings import created_mention
from resolvers.membership.change import Change, Flips
from resolvers.membership.evaluation.facts_reader import FactsReader, Memberships

FEW = 32  # groups whose members are read before it is known which of them the write affects: that saves a round trip


def affected_contacts(change: Change, index: InvertedIndex) -> set[int]:
    """The touched contacts that some group's criteria may look at because of this write."""
    created = (ids for record_type, ids in change.created_for.items() if index.covers(created_mention(record_type)))
    touched = (contact_id for contact_id, mentions in change.touched.items() if any(map(index.covers, mentions)))
    return {*chain.from_iterable(created), *touched, *change.candidates}


async def evaluate_contacts(change: Change, definitions: AccountDefinitions, contact_ids: Iterable[int]) -> Flips:
    """The joins and leaves of these contacts and their appointments that follow from the write.

    Raises `OutdatedDefinitions` if the account has other definitions than these.
    """
    reader = FactsReader(change.database, change.account_id, contact_ids, change.rows)
    reach = definitions.inverted_index.reach(chain.from_iterable(change.touched.values()), FEW)
    await reader.read(reach.needs, [definitions.groups[group_id] for group_id in reach.group_ids], with_moment=True)
    definitions.check_version(reader.moment["version"])
    now = definitions.at(reader.moment["now"])
    matching = definitions.matching(settled=definitions.at(reader.moment["settled"]), now=now)
    found = await find_candidates(change, matching, definitions.groups, reader)
    if unread := found.reachable - reader.members.keys():
        await reader.read(Needs(), [definitions.groups[group_id] for group_id in unread])
    evaluator = Evaluator(definitions, now, reader.members)
    for contact_id, group_ids in found.by_contact.items():
        evaluator.add_candidates(reader.facts[contact_id], group_ids)
    return await evaluator.evaluate()


@dataclass(slots=True)
class CandidateGroups:
    """Groups to evaluate, by contact, and all groups that may be affected if contacts join or leave those."""

    by_contact: dict[int, set[int]] = field(default_factory=dict)
    reachable: set[int] = field(default_factory=set)


async def find_candidates(change: Change, matching: Matching, existing: Collection[int], reader: FactsReader) -> CandidateGroups:
    """The candidate groups of each contact. Reads what is needed for that, and drops contacts without candidates from the reader."""
    found = CandidateGroups()
    contacts = [_contact_change(change, facts, reader.loaded) for facts in reader.facts.values()]
    triggered = [(contact, matching.triggered(contact)) async for contact in cooperatively(contacts)]
    await reader.read(guard_needs(chain.from_iterable(buckets for _, buckets in triggered)))
    async for contact, buckets in cooperatively(triggered):
        contact.loaded = reader.loaded
        requested = {group_id for group_id in change.candidates.get(contact.facts.id, ()) if group_id in existing}
        group_ids = requested | matching.candidates(buckets, contact)
        if group_ids:
            found.by_contact[contact.facts.id] = group_ids
            found.reachable |= group_ids | matching.followers(group_ids, contact)
    reader.keep_only(found.by_contact)
    return found


def _contact_change(change: Change, facts: ContactFacts, loaded: Needs) -> ContactChange:
    created = [record_type for record_type, ids in change.created_for.items() if facts.id in ids]
    if CONTACT in created:
        return ContactChange(facts, created=created, loaded=loaded)  # it was in no group before, whatever was touched
    touched, before = change.touched.get(facts.id, set()), change.before.get(facts.id, {})
    return ContactChange(facts, touched, known_before=before, created=created, loaded=loaded)


class Evaluator:
    """Evaluates candidate groups from the lowest rank up, so that a group sees the joins and leaves of the groups it mentions.

    `members` holds the stored members of every group that may be evaluated. Other groups are left out.
    """

    def __init__(self, definitions: AccountDefinitions, now: Now, members: Memberships) -> None:
        self._definitions = definitions
        self._now = now
        self._members = members
        self._queue: list[tuple[int, int]] = []  # a heap of rank and group id
        self._candidates: defaultdict[int, dict[int, ContactFacts]] = defaultdict(dict)
        self._flips = Flips()

    def add_candidates(self, facts: ContactFacts, group_ids: Iterable[int]) -> None:
        """Have these groups evaluated for a contact, or for its appointments."""
        for group_id in group_ids:
            if group_id not in self._candidates:
                heapq.heappush(self._queue, (self._definitions.rank(group_id), group_id))
            self._candidates[group_id][facts.id] = facts

    async def evaluate(self) -> Flips:
        """Evaluate until nothing is queued."""
        async for definition, candidates in cooperatively(self._in_rank_order()):
            self._evaluate_group(definition, candidates)
        return self._flips

    def _in_rank_order(self) -> Iterator[tuple[Definition, dict[int, ContactFacts]]]:
        while self._queue:
            _, group_id = heapq.heappop(self._queue)
            yield self._definitions.groups[group_id], self._candidates.pop(group_id)

    def _evaluate_group(self, definition: Definition, candidates: dict[int, ContactFacts]) -> None:
        members = self._members[definition.group_id]
        for contact_id in sorted(candidates):
            facts = candidates[contact_id]
            for record in records_of(facts, definition.record_type):
                joins = definition.predicate(record, self._now)
                if joins != (record.id in members):
                    (self._flips.joined if joins else self._flips.left)[definition.group_id].append(record.id)
                    if isinstance(record, ContactFacts):
                        self._follow(definition.group_id, record, joins=joins)

    def _follow(self, group_id: int, facts: ContactFacts, *, joins: bool) -> None:
        """Note that a contact joined or left a group, and queue the groups that mention this one."""
        (facts.groups.add if joins else facts.groups.discard)(group_id)
        self.add_candidates(facts, self._definitions.mentioning(Mention("group", group_id)) & self._members.keys())


def records_of(facts: ContactFacts, record_type: RecordType) -> Iterable[Facts]:
    """The records of this type that belong to a contact: itself, or its appointments."""
    return [facts] if record_type is CONTACT else facts.owned.get(record_type, ())
