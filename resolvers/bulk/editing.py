"""Bulk changes of fields: setting and clearing them for many contacts, and undoing that."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from models.orm.numbers import numbers
from models.records import CONTACT_TEXTS
from models.text import fold_or_none
from resolvers.bulk.bulk_change import Document, Outcome
from resolvers.bulk.needs import Need
from resolvers.bulk.statements import EXISTING_FIELDS, TAKEN_EMAILS
from resolvers.membership.change import Change
from resolvers.records.contact_table import Pair, Stored, read_locked, read_values
from resolvers.records.drafts import Draft, Row
from resolvers.records.save_contacts import Target, save_targets
from resolvers.values.custom_values import Cells


@dataclass(frozen=True, slots=True)
class FieldChange:
    """The values that fields are set to, as they are stored: columns without their folded copies, and custom fields by id."""

    cells: Mapping[str, Stored]
    custom: Mapping[int, list[Cells]]

    @property
    def needs(self) -> Collection[Need]:
        """The custom fields."""
        return {Need("custom", field_id) for field_id in self.custom}

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"fields": {"cells": self.cells, "custom": [[field_id, cells] for field_id, cells in self.custom.items()]}}

    async def apply(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Set the fields of these contacts."""
        rows = await read_locked(change, contact_ids)
        targets = _targets(rows, dict.fromkeys(rows, _draft(self.cells, self.custom)))
        changed = await save_targets(change, targets)
        change.batch_touched(rows)
        return Outcome(changed, inverse={"contacts": [self._before(target) for target in targets if target.changed]})

    def _before(self, target: Target) -> Document:
        before = target.before or {}
        cells = {name: before[name] for name in self.cells if before[name] != target.after[name]}
        return {"id": target.id, "cells": cells, "custom": list(target.replaced.items())}

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Restore the values from before, where fields still have the values that were set."""
        wanted: dict[int, Document] = {before["id"]: before for before in inverse["contacts"]}
        present = await self._read(change, wanted)
        drafts = {contact_id: self._reverting(wanted[contact_id], present, contact_id) for contact_id in present.rows}
        changed = await save_targets(change, _targets(present.rows, drafts))
        change.batch_touched(present.rows)
        complete = sum(_is_complete(draft, wanted[contact_id]) for contact_id, draft in drafts.items())
        return Outcome(changed, kept=len(wanted) - complete)

    async def _read(self, change: Change, wanted: Mapping[int, Document]) -> "_Present":
        return _Present(
            rows=await read_locked(change, wanted),
            values=await read_values(change, wanted, self.custom) if self.custom else {},
            fields=await existing_fields(change, self.custom),
            emails=await taken_emails(change, (before["cells"].get("email") for before in wanted.values())),
        )

    def _reverting(self, before: Document, present: "_Present", contact_id: int) -> Draft:
        row = present.rows[contact_id]
        cells = {name: value for name, value in before["cells"].items() if row[name] == self.cells[name]}
        if fold_or_none(cells.get("email")) in present.emails:
            del cells["email"]
        entries = {field_id: entries for field_id, entries in before["custom"] if field_id in present.fields}
        unchanged = {field_id for field_id in entries if present.values.get((contact_id, field_id), []) == self.custom[field_id]}
        return _draft(cells, {field_id: entries[field_id] for field_id in unchanged})


class _Present(NamedTuple):
    """What is stored now of contacts whose fields are to be restored. `emails` are the wanted addresses that some contact has."""

    rows: dict[int, dict[str, Any]]
    values: dict[Pair, list[Cells]]
    fields: set[int]
    emails: set[str]


def _is_complete(draft: Draft, before: Document) -> bool:
    """Whether the draft restores everything."""
    return before["cells"].keys() <= draft.cells.keys() and len(draft.custom) == len(before["custom"])


def _draft(cells: Mapping[str, Stored], custom: Mapping[int, list[Cells]]) -> Draft:
    folded: dict[str, Stored] = {f"{name}_folded": fold_or_none(_text(value)) for name, value in cells.items() if name in CONTACT_TEXTS}
    return Draft(Row({}), {**cells, **folded}, dict(custom))


def _text(value: Stored) -> str | None:
    return value if isinstance(value, str) else None


def _targets(rows: Mapping[int, dict[str, Any]], drafts: Mapping[int, Draft]) -> list[Target]:
    targets = [Target(contact_id, row, dict(row)) for contact_id, row in rows.items()]
    for target in targets:
        target.take(drafts[target.id])
    return targets


async def existing_fields(change: Change, field_ids: Collection[int]) -> set[int]:
    """Those of these custom fields that exist."""
    return {*await numbers(change.database, EXISTING_FIELDS, account=change.account_id, fields=sorted(field_ids))} if field_ids else set()


async def taken_emails(change: Change, emails: Iterable[Any]) -> set[str]:
    """Those of these e-mail addresses, folded, that some contact has."""
    wanted = [{"email": folded} for email in emails if (folded := fold_or_none(email))]
    rows = await change.database.rows(TAKEN_EMAILS, account=change.account_id, emails=wanted) if wanted else []
    return {row["email_folded"] for row in rows}
