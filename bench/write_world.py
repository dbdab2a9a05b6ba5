"""Accounts to write to: which differ only in the number of groups that a write does not affect, all in one database.

Side by side in one database, they can be measured in turns on one server.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import orjson

from bench.dataset import Batch
from models.audience import EVERYONE
from models.ids import to_global_id
from resolvers.access.sign_in import hash_of

AT = 1_780_000_000_000_000
CONTACTS = 10_000  # of each account: every write takes one that nobody has written to
UNRELATED = (0, 100, 1_000, 10_000)
SPREAD = 64  # groups among which writes of the last account take turns
OTHER_TAGS = 500
TAGS = SPREAD + OTHER_TAGS
SEED = 7

COUNTRIES = ("Germany", "France", "Brazil", "India", "Spain", "Italy", "Japan", "Poland", "Chile", "Peru")
STATUSES = ("Customer", "Lead", "Churned", "Prospect")
CITIES = ("ham", "burg", "ville", "ton", "port", "field")


class World(NamedTuple):
    """One account: its groups that writes flip, a tag for each, and its contacts."""

    account_id: int
    name: str
    unrelated: int
    hot_groups: int
    first_group: int

    @property
    def user_id(self) -> int:
        """The only user's."""
        return self.account_id

    @property
    def token(self) -> str:
        """The only user's access token."""
        return f"muster_{self.account_id:043}"

    def contact(self, number: int) -> int:
        """The id of one of the contacts."""
        return self.account_id * CONTACTS + number % CONTACTS

    def tag(self, number: int) -> int:
        """The id of one of the tags, of which the first are those that flip groups."""
        return self.account_id * TAGS + number

    def group(self, number: int) -> int:
        """The id of one of the groups that writes flip."""
        return self.first_group + number


def worlds(sizes: Sequence[int] = UNRELATED) -> list[World]:
    """An account to write to by hand, one for each number of unrelated groups, and one where every write has another group."""
    first = World(1, "by hand", 0, SPREAD, 1)
    found = [first]
    for size in sizes:
        found.append(World(len(found) + 1, f"{size:,} other groups", size, 1, _next_group(found[-1])))
    return [*found, World(len(found) + 1, f"a group in {SPREAD}", 0, SPREAD, _next_group(found[-1]))]


def _next_group(world: World) -> int:
    return world.first_group + world.hot_groups + world.unrelated


def batches(found: Sequence[World]) -> Iterator[Batch]:
    """All rows, tables that others refer to first."""
    stamps = (AT, AT)
    accounts = [(world.account_id, world.name, "UTC", 1, *stamps) for world in found]
    yield Batch("accounts", ("id", "name", "timezone", "definitions_version", "created_at", "updated_at"), accounts)
    users = [(w.user_id, w.account_id, "User", "u@example.com", "u@example.com", "OWNER", *stamps) for w in found]
    yield Batch("users", ("id", "account_id", "name", "email", "email_folded", "role", "created_at", "updated_at"), users)
    tokens = [(w.user_id, w.account_id, w.user_id, "Token", hash_of(w.token), AT, 2 * AT) for w in found]
    yield Batch("access_tokens", ("id", "account_id", "user_id", "name", "hash", "created_at", "last_used_at"), tokens)
    tags = [(w.tag(n), w.account_id, f"Tag {n}", f"tag {n}", *stamps) for w in found for n in range(TAGS)]
    yield Batch("tags", ("id", "account_id", "name", "name_folded", "created_at", "updated_at"), tags)
    for world in found:
        yield _contacts(world)
        yield _groups(world)


def _contacts(world: World) -> Batch:
    columns = ("id", "account_id", "first_name", "first_name_folded", "country", "country_folded", "created_at", "updated_at")
    rows = [(world.contact(n), world.account_id, f"Ann{n}", f"ann{n}", "Canada", "canada", AT, AT) for n in range(CONTACTS)]
    return Batch("contacts", columns, rows)


def _groups(world: World) -> Batch:
    chance = random.Random(SEED)
    criteria = [flipped_by(world, number) for number in range(world.hot_groups)]
    criteria += [_unrelated(chance, world) for _ in range(world.unrelated)]
    everybody = {"view": EVERYONE.marks(), "edit": EVERYONE.marks(), "owner_id": world.user_id}
    empty = {"epoch": "0" * 16, "position": 0, "version": 0, "member_count": 0, "scanned_to": 0, "definition_version": 1, "state": "READY"}
    same = {**everybody, **empty, "name": "Group", "name_folded": "group", "record_type": "CONTACT", "created_at": AT, "updated_at": AT}
    rows = [
        (world.group(n), world.group(n), world.account_id, orjson.dumps({"contacts": tree}).decode(), *same.values())
        for n, tree in enumerate(criteria)
    ]
    return Batch("groups", ("id", "members_id", "account_id", "criteria", *same), rows)


def flipped_by(world: World, number: int) -> dict[str, Any]:
    """The criteria that a contact comes to satisfy with this tag."""
    return {"all": [{"country": {"equals": ["Canada", "Mexico"]}}, _tagged(world, number)]}


def _tagged(world: World, *numbers: int) -> dict[str, Any]:
    return {"tags": {"containsAny": [{"id": to_global_id("Tag", world.tag(number))} for number in numbers]}}


def _unrelated(chance: random.Random, world: World) -> dict[str, Any]:
    """Criteria that mention other tags and other fields than what a write changes."""
    weights = [1 / rank for rank in range(1, OTHER_TAGS + 1)]
    others = chance.choices(range(SPREAD, TAGS), cum_weights=list(accumulate(weights)), k=2)
    country = {"country": {"equals": [chance.choice(COUNTRIES)]}}
    low = chance.randrange(1000)
    shapes: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: _tagged(world, *others[:1]),
        lambda: {"all": [country, _tagged(world, *others)]},
        lambda: {"any": [{"all": [country, _tagged(world, *others)]}, {"score": {"greaterThan": low}}]},
        lambda: {"all": [{"city": {"contains": [chance.choice(CITIES)]}}, {"status": {"notEquals": [chance.choice(STATUSES)]}}]},
        lambda: {"all": [{"score": {"between": {"from": low, "to": low + 50}}}, {"not": _tagged(world, *others)}]},
        lambda: {"all": [{"lastActivityAt": {"withinLast": {"days": 1 + low % 90}}}, country]},
    )
    return chance.choice(shapes)()
