"""The contacts that a bulk action changes: chosen ones, the members of a group, or those that match criteria."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from tortoise.queryset import QuerySet

from models import Contact, Group, GroupMember
from models.errors import ProblemCode, Refused, refuse
from models.event_loop import by_size
from models.orm.numbers import among, numbers_of
from resolvers.bulk.bulk_change import Document
from resolvers.bulk.needs import Need, needs_of
from resolvers.bulk.statements import COUNT_CONTACTS
from resolvers.criteria.language.names import load_vocabulary, size_of
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.querying.lists import AT_FIRST, Short, choice, ways
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, unknown
from resolvers.reading.criteria_input import Criteria, now, readable_tree
from resolvers.reading.selection import Criterion, Selection

MOST_CHOSEN = 10_000  # contacts in one list: it is stored with the action
SPREAD = 20  # a list holds so many ids for each wanted contact: where matches are rarer, a list of matches is quicker
PATH = ("input", "target")


class BulkTarget(Protocol):
    """A set of contacts. It may change while it is processed."""

    @property
    def needs(self) -> Collection[Need]:
        """What must exist, or it would be another set."""

    def document(self) -> Document:
        """The form in which it is stored."""

    async def total(self, context: Context) -> int:
        """The number of contacts now."""

    async def after(self, context: Context, position: int, most: int) -> list[int]:
        """The next contacts after the id `position`, ascending, at most `most`. Chosen ones may have been deleted."""

    async def among(self, context: Context, contact_ids: Sequence[int]) -> list[int]:
        """Those of these contacts that are in the set now, ascending."""


@dataclass(frozen=True, slots=True)
class ChosenContacts:
    """Contacts named by their ids, ascending."""

    ids: Sequence[int]

    @property
    def needs(self) -> Collection[Need]:
        """Nothing. Deleted contacts are left out."""
        return ()

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"contacts": self.ids}

    async def total(self, _context: Context) -> int:
        """The number of named contacts."""
        return len(self.ids)

    async def after(self, _context: Context, position: int, most: int) -> list[int]:
        """The next named contacts."""
        start = bisect_right(self.ids, position)
        return list(self.ids[start : start + most])

    async def among(self, _context: Context, contact_ids: Sequence[int]) -> list[int]:
        """All of them."""
        return list(contact_ids)


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """The members of a group of contacts."""

    group_id: int

    @property
    def needs(self) -> Collection[Need]:
        """The group."""
        return (Need("group", self.group_id),)

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"group": self.group_id}

    async def total(self, context: Context) -> int:
        """The number of members."""
        return int((await self._group(context)).member_count)

    async def after(self, context: Context, position: int, most: int) -> list[int]:
        """The next members."""
        following = (await self._members(context)).filter(record_id__gt=position).order_by("record_id").limit(most)
        return await numbers_of(context.services.database, following, "record_id")

    async def among(self, context: Context, contact_ids: Sequence[int]) -> list[int]:
        """Those that are members."""
        found = (await self._members(context)).filter(among("record_id", contact_ids))
        return sorted(await numbers_of(context.services.database, found, "record_id"))

    async def _group(self, context: Context) -> Group:
        group = await context.scope.all_groups.get_or_none(id=self.group_id)
        if group is None:
            raise unknown("group")
        return group

    async def _members(self, context: Context) -> QuerySet[GroupMember]:
        return context.scope.group_members.filter(set_id=(await self._group(context)).members_id)


@dataclass(slots=True)
class MatchingContacts:
    """The contacts that match criteria. The criteria are parsed once, when they are used first."""

    criteria: Document
    needs: Collection[Need] = ()
    _criterion: Criterion | None = None

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"where": self.criteria}

    async def total(self, context: Context) -> int:
        """The number of matching contacts."""
        return await (await self._selection(context)).all.count()

    async def after(self, context: Context, position: int, most: int) -> list[int]:
        """The next matching contacts, found in the quickest way."""
        database = context.services.database
        following = await self._selection(context, position)
        found: list[int] = []
        async with aclosing(ways(database, choice(*await self._criteria(context)), _short(most))) as each_way:
            async for way in each_way:
                found = await numbers_of(database, following.found(way).order_by("id").limit(most), "id")
                if len(found) == most:
                    break
        return found

    async def among(self, context: Context, contact_ids: Sequence[int]) -> list[int]:
        """Those that match."""
        database = context.services.database
        found = (await self._selection(context)).all.filter(among("id", contact_ids))
        await database.plan_for_values()
        present = sorted(await numbers_of(database, found, "id"))
        await database.keep_plans()  # foreign keys are checked by a statement for each row, which would be planned again for every row
        return present

    async def _selection(self, context: Context, position: int | None = None) -> Selection[Contact]:
        contacts = context.scope.contacts
        return Selection(contacts if position is None else contacts.filter(id__gt=position), await self._criteria(context))

    async def _criteria(self, context: Context) -> Criterion:
        if self._criterion is None:
            # Not through a loader: if the write is cancelled, the task of a loader would go on in its transaction.
            services = context.services
            vocabulary = await load_vocabulary(services.database, services.record_types, context.caller.account_id, [self.criteria])
            parsed = partial(parse, self.criteria, vocabulary, services.criteria, stored=True)
            tree = await by_size(size_of(self.criteria), parsed)
            self._criterion = Criterion(services.database, tree, await now(context, Criteria(tree, vocabulary)))
        return self._criterion


def _short(most: int) -> Short:
    """Lists long enough that one with too few matches is unlikely."""
    entries = max(AT_FIRST.entries, SPREAD * most)
    return Short(entries, entries)


def stored_target(document: Document) -> BulkTarget:
    """The target that is stored in this form."""
    match document:
        case {"contacts": ids}:
            return ChosenContacts(ids)
        case {"group": group_id}:
            return GroupMembers(group_id)
        case {"where": criteria}:
            return MatchingContacts(criteria)
    raise ValueError("a stored bulk target has an unknown form")


async def read_target(context: Context, given: Mapping[str, Any]) -> BulkTarget:
    """The target that a client sends, if the caller may use it."""
    match given:
        case {"contact_ids": ids}:
            return await _chosen(context, ids)
        case {"group_id": group_id}:
            return await _members(context, group_id)
        case _:
            return await _matching(context, given["where"])


async def _chosen(context: Context, contact_ids: Sequence[str]) -> ChosenContacts:
    if not contact_ids:
        raise refuse(ProblemCode.BLANK, "Name at least one contact.", *PATH, "contactIds")
    if len(contact_ids) > MOST_CHOSEN:
        message = f"These are {len(contact_ids):,} contacts. Name at most {MOST_CHOSEN:,}, or choose them by a group or criteria."
        raise refuse(ProblemCode.LIMIT_EXCEEDED, message, *PATH, "contactIds")
    ids = sorted({id_of(contact_id, "Contact", "contact") for contact_id in contact_ids})
    if (await context.services.database.row(COUNT_CONTACTS, account=context.caller.account_id, ids=ids))["n"] < len(ids):
        raise unknown("contact")
    return ChosenContacts(ids)


async def _members(context: Context, group_id: str) -> GroupMembers:
    group = await context.scope.groups.get_or_none(id=id_of(group_id, "Group", "group"))
    if group is None:
        raise unknown("group")
    record_type = context.services.record_types.named(group.record_type)
    if record_type is not CONTACT:
        raise refuse(ProblemCode.INVALID, f"This is a group of {record_type.key}. Name a group of contacts.", *PATH, "groupId")
    if not group.members_id:
        message = "The group's first members are still being found. Wait until its state is READY."
        raise refuse(ProblemCode.CONFLICT, message, *PATH, "groupId")
    return GroupMembers(group.id)


async def _matching(context: Context, where: Document) -> MatchingContacts:
    try:
        tree = await readable_tree(context, {CONTACT.key: where})
    except Refused as refused:
        raise Refused([replace(problem, path=(*PATH, "where", *problem.path[1:])) for problem in refused.problems]) from None
    return MatchingContacts(tree.document, needs_of(tree))
