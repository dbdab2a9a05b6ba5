"""Export contacts with everything that an import can set, in parts, so that an account of any size fits in memory."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tortoise.queryset import QuerySet

from models import Contact, CustomField, FieldType, Group, GroupMember
from models.engine.database import Row, Rows
from models.errors import BadInput
from models.fields import from_day_number, from_microseconds, from_units
from models.records import CONTACT_TEXTS
from resolvers.criteria.language.record_types import CONTACT
from resolvers.operation.context import Context
from resolvers.operation.identify import unknown
from resolvers.reading.criteria_input import Document, matching
from resolvers.records.drafts import VALUE_CHECKS
from resolvers.values.validation import camel

PART = 1_000  # contacts that are read together with all that belongs to them
AHEAD = 50_000  # ids that one query finds, because each query evaluates the criteria anew

COLUMNS = (*CONTACT_TEXTS, *VALUE_CHECKS)
KEPT = ("text", "number", "day", "instant", "boolean")  # columns of custom values, of which one is filled

CONTACTS = f"SELECT id, owner_id, {', '.join(COLUMNS)} FROM contacts WHERE account_id = :account AND id = ANY(:ids) ORDER BY id"  # noqa: S608
TAGS = """
    SELECT contact_id, name FROM taggings JOIN tags ON tags.id = tag_id AND tags.account_id = taggings.account_id
    WHERE taggings.account_id = :account AND contact_id = ANY(:ids) ORDER BY contact_id, name_folded
"""
VALUES = f"""
    SELECT contact_id, field_id, {", ".join(KEPT)} FROM custom_values
    WHERE account_id = :account AND contact_id = ANY(:ids) ORDER BY contact_id, field_id, ordinal
"""  # noqa: S608  # columns of ours


@dataclass(frozen=True, slots=True)
class ExportedContact:
    """The values of a contact by the names and in the forms that clients use. Missing values are None."""

    id: int
    fields: Mapping[str, str | int | None]
    owner_id: int | None
    custom: Mapping[str, Any]
    tags: Sequence[str]


class Source(Protocol):
    """The contacts to export."""

    async def total(self) -> int:
        """Count the contacts."""

    async def after(self, position: int) -> list[int]:
        """Return the ids that follow this id, ascending."""


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a group of contacts. The group may change during the export."""

    context: Context
    group_id: int

    async def total(self) -> int:
        """Return the group's member count."""
        return int((await self._group()).member_count)

    async def after(self, position: int) -> list[int]:
        """Return the members that follow this id, ascending."""
        members: QuerySet[GroupMember] = self.context.scope.group_members.filter(set_id=(await self._group()).members_id)
        following = members.filter(record_id__gt=position).order_by("record_id").limit(AHEAD)
        return [row["record_id"] for row in await following.values("record_id")]

    async def _group(self) -> Group:
        group = await self.context.scope.groups.get_or_none(id=self.group_id)
        if group is None:
            raise unknown("group")
        return group


@dataclass(frozen=True, slots=True)
class Selected:
    """The contacts of a query set."""

    contacts: QuerySet[Contact]

    async def total(self) -> int:
        """Count the contacts."""
        return await self.contacts.count()

    async def after(self, position: int) -> list[int]:
        """Return the ids that follow this id, ascending."""
        return [row["id"] for row in await self.contacts.filter(id__gt=position).order_by("id").limit(AHEAD).values("id")]


async def contacts_matching(context: Context, where: Document | None) -> Source:
    """Return the contacts that match the criteria now, or all contacts. Raises `BadInput` with the place of each problem."""
    return Selected((await matching(context, "contacts", where=where, among=context.scope.contacts)).all)


def members_of(context: Context, group: Group) -> Source:
    """Return the members of a group that the caller may view. Raises `BadInput` unless it is a group of contacts."""
    record_type = context.services.record_types.named(group.record_type)
    if record_type is not CONTACT:
        raise BadInput(f"The group {group.name} is one of {record_type.key}. Name a group of contacts.")
    if not group.members_id:
        raise BadInput(f"The first members of the group {group.name} are still being found. Wait until its state is READY.")
    return Members(context, group.id)


async def exported(context: Context, source: Source, custom: Sequence[CustomField]) -> AsyncIterator[list[ExportedContact]]:
    """Yield the contacts in parts, ascending by id, each part as of one moment. Contacts deleted meanwhile are left out."""
    fields = {field.id: field for field in custom}
    position = 0
    while ids := await source.after(position):
        for start in range(0, len(ids), PART):
            yield await _read(context, ids[start : start + PART], fields)
        position = ids[-1]


async def _read(context: Context, ids: Sequence[int], fields: Mapping[int, CustomField]) -> list[ExportedContact]:
    contacts, tags, values = await context.services.database.answers(CONTACTS, TAGS, VALUES, account=context.caller.account_id, ids=ids)
    names, customs = _by_contact(tags), _by_contact(row for row in values if row["field_id"] in fields)
    return [
        ExportedContact(
            id=row["id"],
            fields={camel(column): _written(column, row[column]) for column in COLUMNS},
            owner_id=row["owner_id"],
            custom=_custom(customs[row["id"]], fields),
            tags=[tag["name"] for tag in names[row["id"]]],
        )
        for row in contacts
    ]


def _by_contact(rows: Iterable[Row]) -> defaultdict[int, Rows]:
    found: defaultdict[int, Rows] = defaultdict(list)
    for row in rows:
        found[row["contact_id"]].append(row)
    return found


def _custom(rows: Rows, fields: Mapping[int, CustomField]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        field = fields[row["field_id"]]
        if field.type is FieldType.LIST:
            found.setdefault(field.key, []).append(row["text"])
        else:
            found[field.key] = next(_FORMS[column](row[column]) for column in KEPT if row[column] is not None)
    return found


def _written(column: str, value: Any) -> str | int | None:
    form = _COLUMN_FORMS.get(column)
    written: str | int | None = value if form is None or value is None else form(value)
    return written


_FORMS: dict[str, Callable[[Any], Any]] = {
    "text": str,
    "number": lambda units: f"{from_units(units):f}",
    "day": lambda number: from_day_number(number).isoformat(),
    "instant": lambda count: from_microseconds(count).isoformat().replace("+00:00", "Z"),
    "boolean": bool,
}
_COLUMN_FORMS = {"spent": _FORMS["number"], "birthday": _FORMS["day"], "last_activity_at": _FORMS["instant"]}
