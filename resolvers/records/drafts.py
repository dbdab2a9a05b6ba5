"""Drafts of contacts: check the rows that clients send, and look up all tags, owners and custom fields that they name at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache, partial
from typing import Any, NamedTuple

from models import CustomField
from models.errors import Problem, ProblemCode, Refused
from models.event_loop import cooperatively
from models.fields import to_day_number, to_microseconds, to_units
from models.ids import number_of
from models.records import CONTACT_TEXTS
from models.text import fold_or_none
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.tagging.references import MOST_TAGS, FoundTags, TagRef, check_count, create_tags, find_tags, missing_names
from resolvers.values.custom_values import Cells, stored_values
from resolvers.values.validation import Check, Problems, camel, day, decimal, email, instant, integer, text

LONGEST_LINE = 500  # of an address or a web site
MOST_REMEMBERED = 2_048  # checked texts that are kept for each field, because most texts repeat in large files

Stored = str | int | None
Columns = Mapping[str, Stored]

TEXT_CHECKS: dict[str, Check] = {
    **dict.fromkeys(CONTACT_TEXTS, text),
    "email": email,
    "address": partial(text, longest=LONGEST_LINE),
    "website": partial(text, longest=LONGEST_LINE),
}
VALUE_CHECKS: dict[str, tuple[Check, Callable[[Any], int]]] = {
    "score": (integer, int),
    "spent": (decimal, to_units),
    "birthday": (day, to_day_number),
    "last_activity_at": (instant, to_microseconds),
}

HARDLY_REPEATED = frozenset({"email", "phone", "address", "website"})


def _text_columns(name: str, check: Check, value: Any) -> Columns:
    given = check(value)
    return {name: given, f"{name}_folded": fold_or_none(given)}


def _value_columns(name: str, check: Check, store: Callable[[Any], int], value: Any) -> Columns:
    found = check(value)
    return {name: None if found is None else store(found)}


_READ: Mapping[str, Callable[[Any], Columns]] = {
    **{name: partial(_text_columns, name, check) for name, check in TEXT_CHECKS.items()},
    **{name: partial(_value_columns, name, check, store) for name, (check, store) in VALUE_CHECKS.items()},
}
# The same for texts and None, with a cache of the results. Refusals are not cached.
_READ_TEXT: Mapping[str, Callable[[str | None], Columns]] = {
    name: read if name in HARDLY_REPEATED else lru_cache(maxsize=MOST_REMEMBERED)(read) for name, read in _READ.items()
}


class Aim(Enum):
    """Whether a row creates a contact, updates one, or does either."""

    CREATE = auto()
    UPDATE = auto()
    UPSERT = auto()


class Row(NamedTuple):
    """One contact as a client describes it, and the path of that description in the client's input.

    An UPDATE names the contact by `contact_id`. An UPSERT finds it by `contact_id` or else by e-mail address, and creates it if
    there is none.
    """

    fields: Mapping[str, Any]
    tags: Sequence[TagRef] = ()
    create_missing_tags: bool = False
    aim: Aim = Aim.UPSERT
    contact_id: int | None = None
    path: tuple[str, ...] = ("input",)
    most_tags: int = MOST_TAGS
    checked: "Checked | None" = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The columns that a row sets, as far as no look-up is needed, and the problems with them."""

    cells: Columns
    problems: Sequence[Problem]

    @classmethod
    def of(cls, fields: Mapping[str, Any], *path: str) -> "Checked":
        """Check the fields of the row under this path. This needs no transaction."""
        cells: dict[str, Stored] = {}
        problems: list[Problem] = []
        for name, value in fields.items():
            if read := (_READ_TEXT if value is None or isinstance(value, str) else _READ).get(name):
                try:
                    cells.update(read(value))
                except Refused as refused:
                    problems.extend(problem.under(*path, "fields", camel(name)) for problem in refused.problems)
        return cls(cells, problems)


@dataclass(slots=True)
class Draft:
    """A checked row: the stored values that it sets, and the problems with it."""

    row: Row
    cells: dict[str, Stored] = field(default_factory=dict)
    custom: dict[int, list[Cells]] = field(default_factory=dict)
    tag_ids: set[int] = field(default_factory=set)
    problems: Problems = field(default_factory=Problems)

    @property
    def email(self) -> str | None:
        """The folded e-mail address that the row sets, or None."""
        found = self.cells.get("email_folded")
        return found if isinstance(found, str) else None

    @property
    def is_blank(self) -> bool:
        """Whether the row sets no value at all."""
        return not any(value is not None for value in self.cells.values()) and not any(self.custom.values())


@dataclass(frozen=True, slots=True)
class References:
    """The owners and custom fields that the rows may refer to."""

    owner_ids: frozenset[int]
    custom_fields: Mapping[str, CustomField]


async def draft_contacts(context: Context, change: Change, rows: Sequence[Row]) -> list[Draft]:
    """Check the rows, and create missing tags where a row allows that and has no problem."""
    references = await _look_up(context, rows)
    drafts = [_draft(row, references) async for row in cooperatively(rows)]
    await _find_tags(change, drafts)
    return drafts


async def _look_up(context: Context, rows: Sequence[Row]) -> References:
    owners = {number_of(row.fields["owner_id"], "User") for row in rows if row.fields.get("owner_id") is not None} - {None}
    known = await context.scope.users.filter(id__in=owners).values("id") if owners else []
    custom = await context.scope.custom_fields if any("custom_fields" in row.fields for row in rows) else []
    return References(frozenset(user["id"] for user in known), {found.key: found for found in custom})


def _draft(row: Row, references: References) -> Draft:
    checked = row.checked or Checked.of(row.fields, *row.path)
    draft = Draft(row, dict(checked.cells), problems=Problems(checked.problems))
    if "custom_fields" in row.fields:
        _set_custom(draft, row.fields["custom_fields"], references.custom_fields)
    if "owner_id" in row.fields:
        _set_owner(draft, row.fields["owner_id"], references.owner_ids)
    check_count(row.tags, draft.problems, *row.path, "tags", most=row.most_tags)
    if row.aim is Aim.UPSERT and row.contact_id is None and draft.is_blank and not draft.problems:
        draft.problems.note(ProblemCode.BLANK, "The row sets no field of a contact. Fill in a field, or leave the row out.", *row.path)
    return draft


def _set_owner(draft: Draft, value: str | None, known: frozenset[int]) -> None:
    owner_id = None if value is None else number_of(value, "User")
    if value is not None and owner_id not in known:
        draft.problems.note(ProblemCode.NOT_FOUND, "There is no such user in the account.", *draft.row.path, "fields", "ownerId")
    draft.cells["owner_id"] = owner_id


def _set_custom(draft: Draft, values: Any, known: Mapping[str, CustomField]) -> None:
    path = (*draft.row.path, "fields", "customFields")
    if values is None:
        values = dict.fromkeys(known)
    if not isinstance(values, dict):
        draft.problems.note(ProblemCode.INVALID, 'Expected an object of values by key, such as {"plan": "Gold"}.', *path)
        return
    for key, value in values.items():
        if key not in known:
            draft.problems.note(ProblemCode.NOT_FOUND, "There is no custom field with this key. Create it first.", *path, key)
        else:
            custom = known[key]
            draft.custom[custom.id] = draft.problems.attempt(partial(stored_values, custom), value, *path, key) or []


async def _find_tags(change: Change, drafts: Sequence[Draft]) -> None:
    tagged = [draft for draft in drafts if draft.row.tags and not draft.problems]
    known = await find_tags(change, _refs(tagged))
    lacking: list[Draft] = []
    async for draft in cooperatively(tagged):
        if (found := known.all_of(draft.row.tags)) is None:
            lacking.append(draft)
        else:
            draft.tag_ids = found
    if lacking:
        await _create_missing_tags(change, lacking, known)


async def _create_missing_tags(change: Change, drafts: Sequence[Draft], known: FoundTags) -> None:
    """Create the tags that these drafts name and that do not exist, or note them as problems."""
    missing: dict[str, str] = {}
    async for draft in cooperatively(drafts):
        if draft.row.create_missing_tags:
            missing |= missing_names(draft.row.tags, known, draft.problems, *draft.row.path, "tags")
    if missing:
        await create_tags(change, missing)
        known = await find_tags(change, _refs(drafts))
    async for draft in cooperatively(drafts):
        if not draft.problems:
            draft.tag_ids = known.ids_of(draft.row.tags, draft.problems, *draft.row.path, "tags")


def _refs(drafts: Iterable[Draft]) -> Iterable[TagRef]:
    return (ref for draft in drafts for ref in draft.row.tags)
