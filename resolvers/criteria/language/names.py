"""The present names of what criteria refer to: tags, custom fields, groups and users, with the account's time zone."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from models import FieldType
from models.engine.database import Database
from models.event_loop import by_size
from models.ids import number_of
from models.text import fold, storable
from resolvers.criteria.language.record_types import RecordType, RecordTypes

ACCOUNT = "SELECT timezone FROM accounts WHERE id = :account"
TAGS = """
    SELECT id, name, name_folded FROM tags WHERE account_id = :account
    AND (id = ANY(:tags) OR name_folded IN (SELECT folded FROM ROWS(:names AS wanted(folded text))))
"""
FIELDS = """
    SELECT id, key, label, type, choices FROM custom_fields WHERE account_id = :account
    AND key IN (SELECT key FROM ROWS(:keys AS wanted(key text)))
"""
GROUPS = "SELECT id, name, record_type FROM groups WHERE account_id = :account AND id = ANY(:groups)"
USERS = "SELECT id, name FROM users WHERE account_id = :account AND id = ANY(:users)"

LISTS_OF_GROUPS = ("memberOfAny", "memberOfAll", "memberOfNone")
LISTS_OF_USERS = ("isAny", "isNone")

HIDDEN = "a group you cannot view"


@dataclass(frozen=True, slots=True)
class FieldName:
    """What criteria need to know of a custom field."""

    id: int
    key: str
    label: str
    type: FieldType
    choices: tuple[str, ...] = ()

    def not_offered(self, wanted: Sequence[str]) -> list[tuple[int, str]]:
        """The values that are not among the field's choices, each with its index. A field without choices accepts any value."""
        offered = {fold(choice) for choice in self.choices}
        return [(index, choice) for index, choice in enumerate(wanted) if offered and fold(choice) not in offered]


@dataclass(frozen=True, slots=True)
class GroupName:
    """What criteria need to know of a group. A `hidden` one has words in place of its name."""

    name: str
    record_type: RecordType
    hidden: bool = False

    def without_name(self) -> "GroupName":
        """The same group for a user who may not see its name."""
        return GroupName(HIDDEN, self.record_type, hidden=True)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything that an account's criteria can refer to."""

    account_id: int
    zone: ZoneInfo
    record_types: RecordTypes
    tags: Mapping[int, str] = field(default_factory=dict)
    tags_by_name: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, FieldName] = field(default_factory=dict)
    groups: Mapping[int, GroupName] = field(default_factory=dict)
    users: Mapping[int, str] = field(default_factory=dict)

    def naming(self, visible: Collection[int]) -> "Vocabulary":
        """The same vocabulary, in which only the visible groups have names."""
        groups = self.groups.items()
        return replace(self, groups={number: found if number in visible else found.without_name() for number, found in groups})


def size_of(document: Any) -> int:
    """How long a document is, written as JSON."""
    return len(orjson.dumps(document))


async def load_vocabulary(database: Database, record_types: RecordTypes, account_id: int, documents: Collection[Any]) -> Vocabulary:
    """The names that these documents mention, as far as they exist, read in one round trip."""
    mentioned = await by_size(sum(map(size_of, documents)), lambda: _Mentioned(documents).values())
    (account,), tags, fields, groups, users = await database.answers(
        *(ACCOUNT, TAGS, FIELDS, GROUPS, USERS), account=account_id, **mentioned
    )
    return Vocabulary(
        account_id=account_id,
        zone=ZoneInfo(account["timezone"]),
        record_types=record_types,
        tags={row["id"]: row["name"] for row in tags},
        tags_by_name={row["name_folded"]: row["id"] for row in tags},
        fields={row["key"]: _field_name(row) for row in fields},
        groups={row["id"]: GroupName(row["name"], record_types.named(row["record_type"])) for row in groups},
        users={row["id"]: row["name"] for row in users},
    )


class _Mentioned:
    """Everything in some documents that may be a name, whether or not the documents are valid."""

    def __init__(self, documents: Iterable[Any]) -> None:
        self.tags: set[int] = set()
        self.groups: set[int] = set()
        self.users: set[int] = set()
        self._tag_names: set[str] = set()
        self._keys: set[str] = set()
        for key, value in _pairs(documents):
            self._note(key, value)

    def values(self) -> dict[str, list[Any]]:
        """The parameters of the statements above."""
        return {
            "tags": sorted(self.tags),
            "names": [{"folded": name} for name in sorted(self._tag_names)],
            "keys": [{"key": key} for key in sorted(self._keys)],
            "groups": sorted(self.groups),
            "users": sorted(self.users),
        }

    def _note(self, key: str, value: Any) -> None:
        match key, value:
            case "name", str() if storable(value):
                self._tag_names.add(fold(value))
            case "key", str() if storable(value):
                self._keys.add(value)
            case "id", str():
                self.tags |= _numbers([value], "Tag")
            case _, list() if key in LISTS_OF_GROUPS:
                self.groups |= _numbers(value, "Group")
            case _, list() if key in LISTS_OF_USERS:
                self.users |= _numbers(value, "User")


def _pairs(documents: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth. Without recursion, because documents may be nested very deep."""
    waiting = list(documents)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _numbers(values: list[Any], kind: str) -> set[int]:
    numbers = {number_of(value, kind) for value in values if isinstance(value, str)}
    return {number for number in numbers if number is not None}


def _field_name(row: dict[str, Any]) -> FieldName:
    choices = orjson.loads(row["choices"]) if row["choices"] else []
    return FieldName(row["id"], row["key"], row["label"], FieldType(row["type"]), tuple(choices))
