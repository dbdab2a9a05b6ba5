"""Batch evaluation: for contacts that were changed in the same way, groups are found once and evaluated by a few statements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from models.orm.numbers import numbers
from resolvers.criteria.language.mentions import Mention
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.semantics.time import Now
from resolvers.membership.batch.batch_query import RecordBatch, query_batch
from resolvers.membership.batch.cost import is_quicker_together, triggered
from resolvers.membership.batch.partial_evaluation import simplify
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition
from resolvers.membership.candidates.postings import created_mention
from resolvers.membership.change import Change, ContactBatch, Flips
from resolvers.membership.journal.member_sets import members_among, update_many_members

AT_ONCE = 50  # groups of which the members among the records are in memory together

CREATED = frozenset({created_mention(CONTACT)})  # the mentions of a batch of created contacts

# `+ 0`: looked up by contact, not by walking all records of the account.
OWNED_IDS = "SELECT id FROM {table} WHERE account_id + 0 = :account AND contact_id = ANY(:contacts)"


async def evaluate_batches(change: Change, definitions: AccountDefinitions, now: Now) -> Flips:
    """Store the joins and leaves that follow from the batches, and return them to be logged.

    Batches whose contacts are evaluated more quickly one by one are turned into touched contacts.
    """
    flips = Flips()
    for batch in change.batches:
        group_ids = batch_candidates(batch, definitions)
        if _is_apart(batch, change) and is_quicker_together(batch, len(group_ids), definitions):
            flips = flips.with_those_of(await BatchEvaluation(change, definitions, batch, now).evaluate(group_ids))
        elif group_ids:
            for contact_id in batch.contact_ids:
                change.touch(contact_id, *batch.mentions)
    return flips


def batch_candidates(batch: ContactBatch, definitions: AccountDefinitions) -> set[int]:
    """The groups whose criteria look at anything that was touched."""
    by_guard = (ids for bucket in triggered(batch, definitions) for by_key in bucket.values() for ids in by_key.every())
    return set(chain.from_iterable(by_guard))


def _is_apart(batch: ContactBatch, change: Change) -> bool:
    """Whether nothing else was done to these contacts in the same write."""
    others = (change.touched.keys(), change.candidates.keys(), *change.created_for.values())
    return all(other.isdisjoint(batch.contact_ids) for other in others)


@dataclass(frozen=True, slots=True)
class BatchEvaluation:
    """Evaluates groups for one batch at one moment, rank by rank, so that a group sees the joins and leaves of the groups it mentions."""

    change: Change
    definitions: AccountDefinitions
    batch: ContactBatch
    now: Now
    flips: Flips = field(default_factory=Flips)

    async def evaluate(self, group_ids: Iterable[int]) -> Flips:
        """Store and return the joins and leaves of these groups, and of the groups that depend on them."""
        waiting = set(group_ids)
        while waiting:
            lowest = min(map(self.definitions.rank, waiting))
            level = {group_id for group_id in waiting if self.definitions.rank(group_id) == lowest}
            waiting -= level
            for record_type in {self.definitions.groups[group_id].record_type: None for group_id in sorted(level)}:
                waiting |= await self._evaluate_level(level, record_type)
        return self.flips

    async def _evaluate_level(self, level: Iterable[int], record_type: RecordType) -> set[int]:
        """Evaluate the groups of one record type. Returns the groups that mention those with joins or leaves."""
        groups = [definition for each in sorted(level) if (definition := self.definitions.groups[each]).record_type is record_type]
        record_ids = await self._records(record_type) if groups else []
        followers: set[int] = set()
        for start in range(0, len(groups) if record_ids else 0, AT_ONCE):
            flips = await self._difference(groups[start : start + AT_ONCE], record_ids)
            await update_many_members(self.change, groups[start : start + AT_ONCE], flips)
            self.flips.joined |= flips.joined
            self.flips.left |= flips.left
            followers.update(*(self.definitions.mentioning(Mention("group", group_id)) for group_id in flips.group_ids()))
        return followers

    async def _records(self, record_type: RecordType) -> Sequence[int]:
        if record_type is CONTACT:
            return self.batch.contact_ids
        statement = OWNED_IDS.format(table=record_type.table)
        return await numbers(self.change.database, statement, account=self.change.account_id, contacts=self.batch.contact_ids)

    async def _difference(self, groups: Sequence[Definition], record_ids: Sequence[int]) -> Flips:
        stored = await members_among(self.change.database, groups, record_ids)
        found = await self._matching(groups, record_ids)
        flips = Flips()
        for definition in groups:
            number = definition.group_id
            if joined := found[number] - stored[number]:
                flips.joined[number] = sorted(joined)
            if left := stored[number] - found[number]:
                flips.left[number] = sorted(left)
        return flips

    async def _matching(self, groups: Sequence[Definition], record_ids: Sequence[int]) -> dict[int, set[int]]:
        """The records that match each group. Only criteria that the batch's common tags do not decide are sent to the database."""
        undecided: dict[int, Tree] = {}
        found: dict[int, set[int]] = {}
        for definition in groups:
            answer = simplify(definition.tree.root, self.batch.tags)
            if isinstance(answer, bool):
                found[definition.group_id] = set(record_ids) if answer else set()
            else:
                undecided[definition.group_id] = replace(definition.tree, root=answer)
        return found | await self._queried(undecided, RecordBatch(self.change.database, groups[0].record_type, record_ids, self.now))

    async def _queried(self, trees: dict[int, Tree], batch: RecordBatch) -> dict[int, set[int]]:
        if not trees:
            return {}
        await batch.database.plan_for_values()
        found = await query_batch(batch, trees)
        await batch.database.keep_plans()
        return {number: set(ids) for number, ids in found.items()}


def batch_created_contacts(change: Change, definitions: AccountDefinitions) -> None:
    """Make a batch of created contacts to which nothing else was done, if evaluating them together is quicker.

    A decision from before, with other definitions, is reconsidered.
    """
    created = change.created_for.get(CONTACT, set())
    for batch in [batch for batch in change.batches if batch.mentions == CREATED]:
        change.batches.remove(batch)
        created.update(batch.contact_ids)
    apart = created - change.touched.keys() - change.candidates.keys() - change.deleted.get(CONTACT, set())
    batch = ContactBatch(sorted(apart), CREATED)
    group_ids = batch_candidates(batch, definitions) if apart else ()
    if group_ids and is_quicker_together(batch, len(group_ids), definitions):
        created -= apart
        change.add_batch(batch)
