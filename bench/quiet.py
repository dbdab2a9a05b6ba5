"""A small client of a quiet account, in a process of its own: how long its requests take while another account is busy.

    python -m bench.quiet PORT TOKEN

sends `{ viewer { role } }` and adds or removes a tag, in turns. For each line on standard input it writes the milliseconds of
every request since the last line, as JSON.
"""

import asyncio
import json
import sys
from itertools import count
from time import perf_counter
from typing import Any

import httpx

PAUSE_SECONDS = 0.02
ANSWER_SECONDS = 60.0

VIEWER = "{ viewer { role } }"
TAG = "mutation ($input: TagContactsInput!) { addTags(input: $input) { changed } }"
UNTAG = TAG.replace("addTags", "removeTags")
IMPORT = "mutation ($input: ImportContactsInput!) { importContacts(input: $input) { created } }"
NEW_CONTACT = "mutation ($input: CreateContactInput!) { createContact(input: $input) { contact { id } } }"
NEW_TAG = "mutation ($input: CreateTagInput!) { createTag(input: $input) { tag { id } } }"

Milliseconds = dict[str, list[float]]
numbers = count()


class Account:
    """A client of the server with one token."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}/graphql"
        self._client = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS)

    async def ask(self, query: str, **variables: object) -> Any:
        """The data of the answer, or its first error."""
        response = await self._client.post(self._url, json={"query": query, "variables": variables})
        answer = response.json()
        return answer["data"] if answer.get("data") else answer["errors"][0]["extensions"]

    async def import_rows(self, number: int) -> None:
        """Import so many new contacts."""
        rows = [{"fields": {"email": f"c{next(numbers)}@example.com", "company": f"Company {each % 97}"}} for each in range(number)]
        await self.ask(IMPORT, input={"rows": rows})


async def quiet(port: int, token: str) -> None:
    """Send the small requests of the quiet account, and write the milliseconds of each for every line of standard input."""
    account, found, loop = Account(port, token), Milliseconds(), asyncio.get_running_loop()
    contact = (await account.ask(NEW_CONTACT, input={"fields": {"company": "Quiet"}}))["createContact"]["contact"]["id"]
    await account.ask(NEW_TAG, input={"name": "vip"})

    async def send() -> None:
        for number in count():
            for name, query in (("{ viewer }", VIEWER), ("addTags", (TAG, UNTAG)[number % 2])):
                variables = {"input": {"contactIds": [contact], "tags": [{"name": "vip"}]}} if name == "addTags" else {}
                began = perf_counter()
                answer = await account.ask(query, **variables)
                found.setdefault(name, []).append((perf_counter() - began) * 1000)
                if "code" in answer:
                    found.setdefault(f"{name}: {answer['code']}", []).append(0.0)
                await asyncio.sleep(PAUSE_SECONDS)

    sending = asyncio.create_task(send())
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(found), flush=True)
        found.clear()
    sending.cancel()


if __name__ == "__main__":
    asyncio.run(quiet(int(sys.argv[1]), sys.argv[2]))
