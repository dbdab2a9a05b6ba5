"""Who takes part in an experiment: each cast makes what it needs and returns its clients, and the groups to watch."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from tests.torture.editor import CRITERIA, OPEN, UPCOMING, Editor, create_group
from tests.torture.fleet import Fleet
from tests.torture.ledger import Ledger
from tests.torture.steward import Steward
from tests.torture.writers import TAGS, Writer

WRITERS = 4
CREATE_TAG = "mutation ($name: String!) { createTag(input: {name: $name}) { userErrors { code message } } }"


class Client(Protocol):
    """Somebody who writes, and knows what must be stored."""

    @property
    def ledger(self) -> Ledger[Any]:
        """What is known of its writes."""

    async def run(self, stop: asyncio.Event) -> None:
        """Write until told to stop."""

    async def settle(self) -> int:
        """Compare with what is stored. Returns how many rows were compared."""


Cast = Callable[[Fleet, random.Random], Awaitable[tuple[Sequence[Client], Sequence[str]]]]


async def single_writes(fleet: Fleet, chance: random.Random) -> tuple[Sequence[Client], Sequence[str]]:
    """Writers of contacts and an editor, and groups for every way in which a membership can change, one nested in others."""
    writers = [Writer(fleet, f"writer{number}", random.Random(chance.random())) for number in range(WRITERS)]
    editor = Editor(fleet, random.Random(chance.random()))
    await _create_tags(fleet)
    ids = [await create_group(fleet, "Watched", criteria) for criteria in (*CRITERIA, {"appointments": UPCOMING}, {"deals": OPEN})]
    nested = {"all": [{"group": {"memberOfAny": ids[1:3]}}, {"group": {"memberOfNone": ids[3:4]}}]}
    return [*writers, editor], [*ids, await create_group(fleet, "Watched", {"contacts": nested}), await editor.begin()]


async def bulk(fleet: Fleet, chance: random.Random) -> tuple[Sequence[Client], Sequence[str]]:
    """Somebody who changes a crowd in bulk and takes it back, beside a writer of single contacts."""
    steward, writer = Steward(fleet, random.Random(chance.random())), Writer(fleet, "writer", random.Random(chance.random()))
    await _create_tags(fleet)
    return [steward, writer], await steward.begin()


async def _create_tags(fleet: Fleet) -> None:
    for name in TAGS:
        await fleet.ask(CREATE_TAG, name=name)
