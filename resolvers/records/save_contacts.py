"""Create and update any number of contacts, with tags and custom values, in a constant number of statements."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.errors import Problem, ProblemCode, Refused
from models.event_loop import cooperatively
from models.fields import to_microseconds
from resolvers.criteria.language.mentions import Mention
from resolvers.criteria.language.record_types import CONTACT
from resolvers.membership.change import Change, Values
from resolvers.operation.context import Context
from resolvers.operation.identify import unknown
from resolvers.reading.search import SEARCHED, terms_of
from resolvers.records.contact_table import (
    TYPES,
    ids_by_email,
    insert_contacts,
    insert_first_taggings,
    insert_taggings,
    read_locked,
    read_values,
    replace_terms,
    replace_values,
    update_contacts,
)
from resolvers.records.drafts import Aim, Draft, Row, Stored, draft_contacts
from resolvers.values.custom_values import Cells
from resolvers.values.phones import e164

COMPARED = ("folded", "long_folded", "number", "day", "instant", "boolean")


@dataclass(slots=True, eq=False)
class Target:
    """A contact that one or more rows describe: its columns before the write, and after it.

    `changed` holds the earlier values of everything that changes. Tags have none. `replaced` holds the earlier stored values of
    custom fields. `terms` are the search terms of a new contact.
    """

    id: int
    before: Mapping[str, Any] | None
    after: dict[str, Stored]
    custom: dict[int, list[Cells]] = field(default_factory=dict)
    tag_ids: set[int] = field(default_factory=set)
    changed: dict[Mention, Values] = field(default_factory=dict)
    replaced: dict[int, list[Cells]] = field(default_factory=dict)
    terms: set[str] = field(default_factory=set)

    def take(self, draft: Draft) -> None:
        """Apply a draft. Where several drafts describe one contact, the last one wins."""
        before = self.after["phone"], self.after["country"]
        self.after |= draft.cells
        self.custom |= draft.custom
        self.tag_ids |= draft.tag_ids
        if (self.after["phone"], self.after["country"]) != before:
            self.after["phone_e164"] = e164(self.text("phone"), self.text("country"))

    def text(self, column: str) -> str | None:
        """Return the text that a column will have."""
        found = self.after[column]
        return found if isinstance(found, str) else None

    def changed_columns(self) -> set[str]:
        """Return the columns that change. A new contact has none."""
        if self.before is None or self.after == self.before:
            return set()
        return {column for column in TYPES if self.after[column] != self.before[column]}

    def note_columns(self) -> None:
        """Add the changed columns to `changed`."""
        for column in self.changed_columns():
            value = self.before[column] if self.before else None
            self.changed[Mention("contact", column)] = () if value is None else (value,)


@dataclass(frozen=True, slots=True)
class SaveResult:
    """The result for each row: the contact's id, or None if it was refused. Also how many contacts were created and updated."""

    contact_ids: Sequence[int | None]
    created: int
    updated: int
    problems: Sequence[Sequence[Problem]]

    def raise_any(self) -> None:
        """Raise `Refused` with the problems of all rows, if there are any."""
        found = [problem for problems in self.problems for problem in problems]
        if found:
            raise Refused(found)


async def save_contacts(context: Context, change: Change, rows: Sequence[Row]) -> SaveResult:
    """Write the rows without problems, and report the problems of the others. A contact that stays the same is not written."""
    drafts = await draft_contacts(context, change, rows)
    matcher = await _ContactMatcher.of(change, drafts)
    found = [matcher.target_of(draft) async for draft in cooperatively(drafts)]
    targets = list(dict.fromkeys(target for target in found if target))
    new = [target for target in targets if target.before is None]
    await asyncio.gather(_insert(change, new), _find_terms(new))
    await _put_taggings(change, targets)
    updated = await save_targets(change, targets)
    return SaveResult(
        contact_ids=[target.id if target else None for target in found],
        created=sum(target.before is None for target in targets),
        updated=updated,
        problems=[draft.problems for draft in drafts],
    )


async def save_targets(change: Change, targets: Sequence[Target]) -> int:
    """Write the fields that change, and return how many existing contacts changed."""
    await _put_values(change, targets)
    await _put_terms(change, targets)
    return await _update(change, [target for target in targets if target.before is not None])


class _ContactMatcher:
    """Finds the contact that each row describes, among stored contacts and those that earlier rows create."""

    def __init__(self, at: int, known: Mapping[int, Mapping[str, Any]]) -> None:
        self._blank: Mapping[str, Stored] = dict.fromkeys(TYPES) | {"created_at": at, "updated_at": at}
        self._by_id = {contact_id: Target(contact_id, row, dict(row)) for contact_id, row in known.items()}
        self._by_email = {target.after["email_folded"]: target for target in self._by_id.values()}

    @staticmethod
    async def of(change: Change, drafts: Iterable[Draft]) -> "_ContactMatcher":
        """Lock and read the stored contacts that the drafts may describe."""
        good = [draft for draft in drafts if not draft.problems]
        named = [draft.row.contact_id for draft in good if draft.row.contact_id is not None]
        found = await ids_by_email(change, (email for draft in good if (email := draft.email)))
        return _ContactMatcher(to_microseconds(change.at), await read_locked(change, [*named, *found]))

    def target_of(self, draft: Draft) -> Target | None:
        """Apply a draft to the contact that it describes, and return that. None if the draft has a problem."""
        if draft.problems:
            return None
        email = draft.email
        holder = self._by_email.get(email) if email else None
        target = self._aimed_at(draft, holder)
        self._check(draft, holder, target)
        if draft.problems:
            return None
        target.take(draft)
        if email:
            self._by_email[email] = target
        return target

    def _check(self, draft: Draft, holder: Target | None, target: Target) -> None:
        row, email = draft.row, (*draft.row.path, "fields", "email")
        if row.aim is Aim.UPSERT and row.contact_id is not None and row.contact_id not in self._by_id and not draft.email:
            message = "There is no contact with this id any more. Leave the id out to create the contact anew."
            draft.problems.note(ProblemCode.NOT_FOUND, message, *row.path, "id")
        if holder and holder is not target:
            draft.problems.note(ProblemCode.TAKEN, "Another contact has this e-mail address. Use that one.", *email)
        elif holder and holder.text("email_folded") != draft.email and row.contact_id != holder.id:
            # It becomes free only once the other contact has been written.
            draft.problems.note(ProblemCode.TAKEN, "Another row frees this e-mail address. Send this row again afterwards.", *email)

    def _aimed_at(self, draft: Draft, holder: Target | None) -> Target:
        if draft.row.aim is Aim.UPDATE:
            if draft.row.contact_id not in self._by_id:
                raise unknown("contact")
            return self._by_id[draft.row.contact_id]
        if draft.row.aim is Aim.UPSERT and (known := self._by_id.get(draft.row.contact_id or 0) or holder):
            return known
        return Target(0, None, dict(self._blank))


async def _insert(change: Change, targets: Sequence[Target]) -> None:
    ids = await insert_contacts(change, [target.after for target in targets])
    for target, contact_id in zip(targets, ids, strict=True):
        target.id = contact_id
        change.note_created(CONTACT, contact_id)


async def _find_terms(targets: Iterable[Target]) -> None:
    """Compute the search terms of new contacts. They need no ids, so this runs while the database inserts the contacts."""
    async for target in cooperatively(targets):
        target.terms = terms_of(target.after)


async def _put_values(change: Change, targets: Iterable[Target]) -> None:
    given = {(target.id, field_id): target for target in targets for field_id in target.custom}
    if not given:
        return
    known = await read_values(change, {contact_id for contact_id, _ in given}, {field_id for _, field_id in given})
    changed = {pair: cells for pair, target in given.items() if (cells := target.custom[pair[1]]) != known.get(pair, [])}
    await replace_values(change, changed, [pair for pair in changed if pair in known])
    for contact_id, field_id in changed:
        target, before = given[contact_id, field_id], known.get((contact_id, field_id), [])
        target.replaced[field_id] = before
        target.changed[Mention("custom", field_id)] = _compared(before)


def _compared(values: Iterable[Cells]) -> Values:
    """Return custom values in the form in which conditions compare them."""
    return tuple(next((value for column in COMPARED if (value := cells[column]) is not None), False) for cells in values)


async def _put_taggings(change: Change, targets: Sequence[Target]) -> None:
    known = {target.id: target for target in targets if target.before is not None}
    await insert_first_taggings(change, {target.id: target.tag_ids for target in targets if target.before is None})
    for contact_id, tag_id in await insert_taggings(change, {target.id: target.tag_ids for target in known.values()}):
        known[contact_id].changed[Mention("tag", tag_id)] = ()


async def _put_terms(change: Change, targets: Iterable[Target]) -> None:
    gone: dict[int, set[str]] = {}
    added: dict[int, set[str]] = {}
    for target in targets:
        if target.before is None:
            added[target.id] = target.terms
        elif target.changed_columns() & set(SEARCHED):
            before, after = terms_of(target.before), terms_of(target.after)
            gone[target.id], added[target.id] = before - after, after - before
    await replace_terms(change, gone, added)


async def _update(change: Change, targets: Iterable[Target]) -> int:
    """Write the changed columns, note the changes, and return the number of changed contacts."""
    columns: set[str] = set()
    changed: dict[int, Mapping[str, Stored]] = {}
    for target in targets:
        target.note_columns()
        if target.changed:
            target.after["updated_at"] = to_microseconds(change.at)
            columns |= {"updated_at", *target.changed_columns()}
            changed[target.id] = target.after
            change.note_before(target.id, target.changed)
            change.touch(target.id, Mention("contact", "updated_at"), *target.changed)
    await update_contacts(change, columns, changed)
    return len(changed)
