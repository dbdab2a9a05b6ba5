"""Bulk changes as clients send them, checked by the rules for single contacts, and as they are stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import ProblemCode, refuse
from resolvers.bulk.bulk_change import BulkChange, Document
from resolvers.bulk.deleting import Deletion
from resolvers.bulk.editing import FieldChange
from resolvers.bulk.tagging import TagChange
from resolvers.criteria.language.record_types import RecordTypes
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.records.drafts import Aim, Row, draft_contacts
from resolvers.tagging.references import TagRef, check_count, find_tags
from resolvers.tagging.taggings import create_missing_tags
from resolvers.values.validation import Problems

PATH = ("input", "change")


def stored_change(document: Document, record_types: RecordTypes) -> BulkChange:
    """The change that is stored in this form."""
    match document:
        case {"tags": {"add": add, "remove": remove}}:
            return TagChange(tuple(add), tuple(remove))
        case {"fields": {"cells": cells, "custom": custom}}:
            return FieldChange(cells, dict(custom))
        case {"delete": True}:
            return Deletion(record_types)
    raise ValueError("a stored bulk change has an unknown form")


async def read_change(context: Context, given: Mapping[str, Any], change: Change) -> BulkChange:
    """The change that a client sends. Creates missing tags if the client permits it."""
    match given:
        case {"tags": tags}:
            return await _tag_change(change, tags)
        case {"fields": fields}:
            return await _field_change(context, change, fields)
        case {"delete": True}:
            return Deletion(context.services.record_types)
        case _:
            raise refuse(ProblemCode.INVALID, "Set `delete` to true, or change tags or fields.", *PATH, "delete")


async def _tag_change(change: Change, given: Mapping[str, Any]) -> TagChange:
    refs: dict[str, Sequence[TagRef]] = {side: given.get(side) or () for side in ("add", "remove")}
    if not any(refs.values()):
        raise refuse(ProblemCode.BLANK, "Name at least one tag to add or to remove.", *PATH, "tags")
    problems = Problems()
    for side, named in refs.items():
        check_count(named, problems, *PATH, "tags", side)
    problems.raise_any()
    if given.get("create_missing"):
        await create_missing_tags(change, refs["add"], *PATH, "tags", "add")
    return await _existing_tags(change, refs)


async def _existing_tags(change: Change, refs: Mapping[str, Sequence[TagRef]]) -> TagChange:
    problems = Problems()
    known = await find_tags(change, [ref for named in refs.values() for ref in named])
    found = {side: known.ids_of(named, problems, *PATH, "tags", side) for side, named in refs.items()}
    if found["add"] & found["remove"]:
        problems.note(ProblemCode.INVALID, "A tag cannot be both added and removed. Name it once.", *PATH, "tags", "remove")
    problems.raise_any()
    return TagChange(tuple(sorted(found["add"])), tuple(sorted(found["remove"])))


async def _field_change(context: Context, change: Change, fields: Mapping[str, Any]) -> FieldChange:
    (draft,) = await draft_contacts(context, change, [Row(fields, aim=Aim.UPDATE, path=PATH)])
    if draft.email:
        message = "An e-mail address belongs to one contact. A bulk action can only clear it, with null."
        draft.problems.note(ProblemCode.INVALID, message, *PATH, "fields", "email")
    draft.problems.raise_any()
    cells = {name: value for name, value in draft.cells.items() if not name.endswith("_folded")}
    if not cells and not draft.custom:
        raise refuse(ProblemCode.BLANK, "Name at least one field to set or to clear.", *PATH, "fields")
    return FieldChange(cells, draft.custom)
