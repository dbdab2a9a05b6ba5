"""Suggests values for a condition: the most frequent values of a field, with their counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.groups import CONTACT_TYPE
from models.ids import to_global_id
from models.text import fold
from resolvers.access.users import users
from resolvers.authoring.frequent_values import TAGS, Texts, Wanted, most_frequent, of_column, of_custom_field
from resolvers.authoring.segment_fields import SegmentField
from resolvers.criteria.language.fields import Family, RecordField
from resolvers.criteria.language.tree import Column, Custom, Groups, Tags
from resolvers.operation.context import Context

# The values of the newest records, for fields with few values that have names.
OWNERS = "SELECT owner_id AS key FROM contacts WHERE account_id = :account ORDER BY id DESC LIMIT :most"
STATUSES = "SELECT {column} AS key FROM {table} WHERE account_id = :account ORDER BY id DESC LIMIT :most"
CHOICES = """
    SELECT folded AS key FROM (SELECT id FROM contacts WHERE account_id = :account ORDER BY id DESC LIMIT :most) AS newest
    JOIN custom_values ON contact_id = newest.id AND field_id = :field
"""
BY_KEY = "SELECT key, count(*) AS count FROM ({rows}) AS looked_at WHERE key IS NOT NULL GROUP BY key"


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value, how many records have it, and its id where conditions name it by id."""

    value: str
    count: int
    id: str | None = None


class Name(NamedTuple):
    """A value with its name, and the key by which records refer to it. It exists even if no record has it."""

    key: str | int
    value: str
    id: str | None = None


class Names(NamedTuple):
    """The values of a field with few values, and the statement that reads the keys of the newest records."""

    known: Sequence[Name]
    rows: str
    field_id: int = 0  # of a custom field


async def suggestions(context: Context, field: SegmentField, wanted: Wanted) -> list[ValueCount]:
    """Return the most frequent values of the field that begin with the prefix. Fields such as numbers and times have none: []."""
    wanted.check()
    match field.source:
        case Tags():
            return [ValueCount(tag.value, tag.count, to_global_id("Tag", tag.place)) for tag in await most_frequent(context, TAGS, wanted)]
        case Groups():
            return await _groups(context, wanted)
        case Column(_, RecordField(family=Family.REFERENCE)):
            return await _owners(context, wanted)
        case Column(record_type, RecordField(family=Family.STATUS, column=column)):
            statuses = STATUSES.format(column=column, table=record_type.table)
            return await _named(context, Names([Name(choice, choice) for choice in field.choices or ()], statuses), wanted)
        case Custom(field_id) if field.choices:
            return await _named(context, Names([Name(fold(choice), choice) for choice in field.choices], CHOICES, field_id), wanted)
        case Column(record_type, RecordField(family=Family.TEXT) as text):
            return await _texts(context, of_column(record_type.table, text), wanted)
        case Custom(field_id, "folded" | "long_folded" as column):
            return await _texts(context, of_custom_field(field_id, column), wanted)
        case _:
            return []


async def _texts(context: Context, texts: Texts, wanted: Wanted) -> list[ValueCount]:
    return [ValueCount(text.value, text.count) for text in await most_frequent(context, texts, wanted)]


async def _groups(context: Context, wanted: Wanted) -> list[ValueCount]:
    found = context.scope.groups.filter(record_type=CONTACT_TYPE, name_folded__gte=wanted.low)
    if wanted.high is not None:
        found = found.filter(name_folded__lt=wanted.high)
    rows = await found.order_by("-member_count", "name_folded", "id").limit(wanted.first)
    groups = context.loaders.remember_groups(rows)
    return [ValueCount(group.name, group.member_count, to_global_id("Group", group.id)) for group in groups]


async def _owners(context: Context, wanted: Wanted) -> list[ValueCount]:
    known = [Name(user.id, user.name, to_global_id("User", user.id)) for user in await users(context)]
    return await _named(context, Names(known, OWNERS), wanted)


async def _named(context: Context, names: Names, wanted: Wanted) -> list[ValueCount]:
    """The names that begin with the prefix, the most frequent first. Equally frequent ones stay in their order."""
    statement = BY_KEY.format(rows=names.rows)
    account_id = context.caller.account_id
    counted = await context.services.database.rows(statement, account=account_id, field=names.field_id, most=wanted.most)
    counts = {row["key"]: int(row["count"]) for row in counted}
    begun = (name for name in names.known if fold(name.value).startswith(wanted.low))
    found = [ValueCount(name.value, counts.get(name.key, 0), name.id) for name in begun]
    return sorted(found, key=lambda value: -value.count)[: wanted.first]
