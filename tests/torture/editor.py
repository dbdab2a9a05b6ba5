"""A client that defines groups, edits them and deletes them. What it called a group tells which edit is in force."""

import asyncio
import random
from typing import Any

from tests.torture.fleet import Fleet
from tests.torture.ledger import Ledger, Order

MOST_GROUPS = 3
UPCOMING: dict[str, Any] = {"startsAt": {"onOrAfter": {"now": {}}}}
OPEN: dict[str, Any] = {"closesAt": {"onOrAfter": {"now": {}}}}
CRITERIA: tuple[dict[str, Any], ...] = (
    {"contacts": {"country": {"equals": ["Canada"]}}},
    {"contacts": {"all": [{"country": {"equals": ["Mexico", "France"]}}, {"tags": {"containsAny": [{"name": "Client"}]}}]}},
    {"contacts": {"appointments": {"some": UPCOMING}}},
    {"contacts": {"deals": {"some": OPEN}}},
    {"contacts": {"lastActivityAt": {"onOrAfter": {"now": {"minutes": 1}}}}},
    {"contacts": {"tags": {"containsNone": [{"name": "Lead"}]}}},
)
CREATE_GROUP = """
    mutation ($name: String!, $criteria: CriteriaInput!) {
        createGroup(input: {name: $name, criteria: $criteria}) { group { id } userErrors { code message } }
    }
"""
UPDATE_GROUP = """
    mutation ($id: ID!, $name: String!, $criteria: CriteriaInput!) {
        updateGroup(input: {id: $id, name: $name, criteria: $criteria}) { group { id } userErrors { code message } }
    }
"""
DELETE_GROUP = "mutation ($id: ID!) { deleteGroup(id: $id, force: true) { userErrors { code message } } }"
GROUPS = 'query { groups(first: 250, search: "edited") { nodes { id name state } } }'


async def create_group(fleet: Fleet, name: str, criteria: dict[str, Any]) -> str:
    """Make a group at a server that will not be killed meanwhile. Returns its id."""
    data = await fleet.ask(CREATE_GROUP, name=name, criteria=criteria)
    assert data is not None
    group_id: str = data["createGroup"]["group"]["id"]
    return group_id


class Editor:
    """Keeps one group that is only ever edited, and makes and deletes others."""

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        self.ledger: Ledger[frozenset[str]] = Ledger(frozenset())
        self._fleet = fleet
        self._chance = chance
        self._ids: dict[str, str] = {}
        self._serial = 0

    async def begin(self) -> str:
        """Make the group that is only ever edited. Returns its id."""
        await self._carry_out(self._create("edited always"))
        (group_id,) = self._ids.values()
        return group_id

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set() and not self.ledger.in_doubt:
            await self._carry_out(self._order())

    async def _carry_out(self, order: Order[frozenset[str]]) -> None:
        payload = await self.ledger.carry_out(self._fleet, order)
        if payload and "group" in payload:
            self._ids[order.variables["name"]] = payload["group"]["id"]

    def _order(self) -> Order[frozenset[str]]:
        names = sorted(self.ledger.known)
        if len(names) <= MOST_GROUPS and self._chance.random() < 0.3:
            return self._create("edited")
        name = self._chance.choice(names)
        if not name.startswith("edited always") and self._chance.random() < 0.3:
            return Order(DELETE_GROUP, {"id": self._ids[name]}, self.ledger.known - {name})
        return self._redefine(name)

    def _create(self, name: str) -> Order[frozenset[str]]:
        given = self._new(name)
        return Order(CREATE_GROUP, given, self.ledger.known | {given["name"]})

    def _redefine(self, name: str) -> Order[frozenset[str]]:
        given = self._new(name.rpartition(" ")[0])
        return Order(UPDATE_GROUP, {"id": self._ids[name], **given}, self.ledger.known - {name} | {given["name"]})

    def _new(self, name: str) -> dict[str, Any]:
        self._serial += 1
        return {"name": f"{name} {self._serial}", "criteria": self._chance.choice(CRITERIA)}

    async def settle(self) -> int:
        """Compare what was acknowledged with what is stored, and go on from there. Returns how many groups there are."""
        data = await self._fleet.ask(GROUPS)
        assert data is not None
        self._ids = {group["name"]: group["id"] for group in data["groups"]["nodes"]}
        self.ledger.settle(frozenset(self._ids))
        return len(self._ids)
