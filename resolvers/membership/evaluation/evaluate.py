"""Judging touched records against the groups that their change can affect: which of them flip."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator

from models import RecordType
from resolvers.criteria.evaluation.facts import AppointmentFacts, ContactFacts
from resolvers.criteria.language.mentions import Mention
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition
from resolvers.membership.candidates.event_loop import cooperatively
from resolvers.membership.change import Flips

Record = ContactFacts | AppointmentFacts
Memberships = dict[int, set[int]]  # record ids by group id


class Judgement:
    """Evaluates candidate groups from the lowest rank up, so that a group sees the flips of the groups it depends on.

    `stored` holds the present members of every group that may be judged; no other is.
    """

    def __init__(self, definitions: AccountDefinitions, now: Now, stored: Memberships) -> None:
        self._definitions = definitions
        self._now = now
        self._stored = stored
        self._queue: list[tuple[int, int]] = []
        self._candidates: defaultdict[int, dict[int, ContactFacts]] = defaultdict(dict)
        self.flips = Flips()

    def add_candidates(self, facts: ContactFacts, group_ids: Iterable[int]) -> None:
        """Ask for a contact, and its appointments, to be judged against these groups."""
        for group_id in group_ids:
            if group_id not in self._candidates:
                heapq.heappush(self._queue, (self._definitions.rank(group_id), group_id))
            self._candidates[group_id][facts.id] = facts

    async def decide(self) -> Flips:
        """Judge until nothing is queued any more."""
        async for definition, candidates in cooperatively(self._in_order()):
            self._judge(definition, candidates)
        return self.flips

    def _in_order(self) -> Iterator[tuple[Definition, dict[int, ContactFacts]]]:
        while self._queue:
            _, group_id = heapq.heappop(self._queue)
            yield self._definitions.groups[group_id], self._candidates.pop(group_id)

    def _judge(self, definition: Definition, candidates: dict[int, ContactFacts]) -> None:
        stored = self._stored[definition.group_id]
        for contact_id in sorted(candidates):
            facts = candidates[contact_id]
            for record in records_of(facts, definition.record_type):
                holds = definition.predicate(record, self._now)
                if holds != (record.id in stored):
                    self._flip(definition, record, joins=holds)
                    if isinstance(record, ContactFacts):
                        self._follow(definition.group_id, record, joins=holds)

    def _flip(self, definition: Definition, record: Record, *, joins: bool) -> None:
        (self.flips.joined if joins else self.flips.left)[definition.group_id].append(record.id)

    def _follow(self, group_id: int, facts: ContactFacts, *, joins: bool) -> None:
        (facts.groups.add if joins else facts.groups.discard)(group_id)
        self.add_candidates(facts, self._definitions.mentioning(Mention("group", group_id)) & self._stored.keys())


def records_of(facts: ContactFacts, record_type: RecordType) -> Iterable[Record]:
    """The records of this type that belong to a contact: itself, or its appointments."""
    return [facts] if record_type is RecordType.CONTACT else facts.appointments
