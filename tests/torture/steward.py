"""A client that has a crowd changed in bulk and takes that back, and knows the result that each action must have, even after a crash."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from gql import GraphQLRequest

from models import Contact, Group, Tagging
from models.engine.database import open_database
from models.ids import to_global_id
from tests.torture.editor import create_group
from tests.torture.fleet import PATIENCE, Fleet
from tests.torture.ledger import Ledger
from tests.torture.watchers import LOST

CROWD = 1_200
MOST_ROWS = 400
TAGS = ("Client", "Lead")
COUNTRIES = ("Canada", "Mexico", "France")
CROWDED: dict[str, Any] = {"source": {"equals": ["crowd"]}}

IMPORT = "mutation ($rows: [UpsertContactInput!]!) { importContacts(input: {rows: $rows}) { userErrors { code message } } }"
START = "mutation ($input: StartBulkActionInput!) { startBulkAction(input: $input) { bulkAction { id } userErrors { code message } } }"
UNDO = "mutation ($id: ID!) { undoBulkAction(id: $id) { bulkAction { id } userErrors { code message } } }"
UNDONE_BY = "query ($id: ID!) { bulkAction(id: $id) { undoneBy { id } } }"
PROGRESS = "subscription ($id: ID!) { bulkActionProgress(id: $id) { state total processed changed error } }"
ENDED = {"COMPLETED", "CANCELLED", "FAILED"}


class Person(NamedTuple):
    """A contact of the crowd."""

    id: str
    country: str | None
    tags: frozenset[str]


Crowd = Mapping[str, Person]  # by e-mail address
Belongs = Callable[[Person], bool]

TARGETS: tuple[tuple[dict[str, Any], Belongs], ...] = (
    (CROWDED, lambda _: True),
    ({"all": [CROWDED, {"country": {"equals": ["Canada"]}}]}, lambda person: person.country == "Canada"),
    ({"all": [CROWDED, {"tags": {"containsNone": [{"name": "Client"}]}}]}, lambda person: "Client" not in person.tags),
)
GROUPS: dict[str, tuple[dict[str, Any], Belongs]] = {
    "Canadians": TARGETS[1],
    "Clients": ({"all": [CROWDED, {"tags": {"containsAny": [{"name": "Client"}]}}]}, lambda person: "Client" in person.tags),
}


@dataclass(frozen=True)
class Deed:
    """A bulk action, or the undoing of one, and what it must come to."""

    after: Crowd
    total: int
    changed: int
    input: dict[str, Any]
    undoes: str | None = None


class Steward:
    """Gives one order after another. It repeats an order whose answer is lost, which must not carry it out twice."""

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        self.ledger: Ledger[Crowd] = Ledger({})
        self._fleet = fleet
        self._chance = chance
        self._serial = 0
        self._deed: Deed | None = None
        self._action: str | None = None
        self._last: tuple[str, Crowd, Deed] | None = None
        self._versions = dict.fromkeys(GROUPS, 0)

    async def begin(self) -> list[str]:
        """Make the crowd and its groups. Returns the ids of these."""
        ids = [await create_group(self._fleet, name, {"contacts": where}) for name, (where, _) in GROUPS.items()]
        rows = [{"fields": {"email": f"crowd-{number}@example.com", "source": "crowd"}} for number in range(CROWD)]
        for first in range(0, CROWD, MOST_ROWS):
            await self._fleet.ask(IMPORT, rows=rows[first : first + MOST_ROWS])
        async with open_database(self._fleet.url):
            self.ledger.known = await self._stored()
        assert len(self.ledger.known) == CROWD
        return ids

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._go_on()

    async def _go_on(self) -> None:
        deed = self._deed = self._deed or self._choose()
        self._action = self._action or await self._ask_for(deed)
        if self._action is None:
            self.ledger.doubts += 1
        elif seen := await self._end_of(self._action):
            self._learn(self._action, deed, seen)

    def _choose(self) -> Deed:
        if self._last and (self._deleted() or self._chance.random() < 0.5):
            action, before, deed = self._last
            return Deed(before, deed.changed, deed.changed, {}, undoes=action)
        self._serial += 1
        where, belongs = self._chance.choice(TARGETS)
        change, become = self._change()
        crowd = self.ledger.known
        reached = {email: become(person) for email, person in crowd.items() if belongs(person)}
        after = {email: person for email, person in {**crowd, **reached}.items() if person}
        changed = sum(after.get(email) != crowd[email] for email in reached)
        return Deed(after, len(reached), changed, {"target": {"where": where}, "change": change, "idempotencyKey": f"deed {self._serial}"})

    def _deleted(self) -> bool:
        return len(self.ledger.known) < CROWD

    def _change(self) -> tuple[dict[str, Any], Callable[[Person], Person | None]]:
        add, remove = self._chance.sample(TAGS, 2)
        country = self._chance.choice(COUNTRIES)
        changes: list[tuple[dict[str, Any], Callable[[Person], Person | None]]] = [
            (
                {"tags": {"add": [{"name": add}], "remove": [{"name": remove}]}},
                lambda person: person._replace(tags=person.tags - {remove} | {add}),
            ),
            ({"fields": {"country": country}}, lambda person: person._replace(country=country)),
            ({"delete": True}, lambda _: None),
        ]
        return self._chance.choice(changes)

    async def _ask_for(self, deed: Deed) -> str | None:
        """The id of the action, asked for by the same key as before, or found as what undoes the other."""
        if deed.undoes is None:
            return self._id_in(await self._fleet.ask(START, input=deed.input))
        data = await self._fleet.ask(UNDONE_BY, id=deed.undoes)
        if data is None:
            return None
        if undo := data["bulkAction"]["undoneBy"]:
            return str(undo["id"])
        return self._id_in(await self._fleet.ask(UNDO, id=deed.undoes))

    def _id_in(self, data: dict[str, Any] | None) -> str | None:
        if data is None:
            return None
        (payload,) = data.values()
        assert payload["userErrors"] == [], payload
        return str(payload["bulkAction"]["id"])

    async def _end_of(self, action: str) -> dict[str, Any] | None:
        """How the action ended. None if the server was gone before that."""
        with suppress(*LOST):
            server = await self._fleet.any()
            async with server.session(self._fleet.token) as session:
                async for message in session.subscribe(GraphQLRequest(PROGRESS, variable_values={"id": action})):
                    if message["bulkActionProgress"]["state"] in ENDED:
                        return dict(message["bulkActionProgress"])
        return None

    def _learn(self, action: str, deed: Deed, seen: dict[str, Any]) -> None:
        told = {"state": "COMPLETED", "total": deed.total, "processed": deed.total, "changed": deed.changed, "error": None}
        assert seen == told, f"{deed.input or deed.undoes}: {seen}, not {told}"
        before = self.ledger.known
        for name, (_, belongs) in GROUPS.items():
            self._versions[name] += sum(
                _is_in(before.get(email), belongs) != _is_in(deed.after.get(email), belongs) for email in {**before, **deed.after}
            )
        self.ledger.known = deed.after
        self.ledger.acknowledged += 1
        self._last = (action, before, deed) if deed.changed and deed.undoes is None else None
        self._deed = self._action = None

    async def settle(self) -> int:
        """Wait for the action in hand, and compare the crowd, and how often its groups were moved, with what is stored."""
        async with asyncio.timeout(PATIENCE):
            while self._deed:
                await self._go_on()
        stored = await self._stored()
        self.ledger.settle(stored)
        versions = {group.name: group.version for group in await Group.filter(name__in=list(GROUPS))}
        assert versions == self._versions, f"groups moved {versions}, not {self._versions}"
        return len(stored)

    async def _stored(self) -> Crowd:
        contacts = await Contact.filter(source="crowd")
        tags: dict[int, set[str]] = {contact.id: set() for contact in contacts}
        for tagging in await Tagging.filter(contact_id__in=list(tags)).prefetch_related("tag"):
            tags[tagging.contact_id].add(tagging.tag.name)
        return {
            contact.email or "": Person(to_global_id("Contact", contact.id), contact.country, frozenset(tags[contact.id]))
            for contact in contacts
        }


def _is_in(person: Person | None, belongs: Belongs) -> bool:
    return person is not None and belongs(person)
