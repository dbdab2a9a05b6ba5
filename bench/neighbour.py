"""Another account's client, in a process of its own: how long its small queries take while somebody else attacks the server.

    python -m bench.neighbour PORT TOKEN

asks for `{ viewer { role } }` again and again. For each line on standard input it writes the longest answer since the last
line, in milliseconds. A query without an answer after a minute counts as a minute.
"""

import asyncio
import sys
from time import perf_counter

import httpx

QUERY = {"query": "{ viewer { role } }"}
PAUSE_SECONDS = 0.01
LONGEST_SECONDS = 60.0


class Neighbour:
    """Asks in a loop, and remembers the longest answer."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}/graphql"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._longest = 0.0
        self._began = perf_counter()

    async def ask_forever(self) -> None:
        """Ask again as soon as an answer has come, whatever it says."""
        async with httpx.AsyncClient(headers=self._headers, timeout=LONGEST_SECONDS) as client:
            while True:
                self._began = perf_counter()
                try:
                    await client.post(self._url, json=QUERY)
                except httpx.HTTPError:
                    self._longest = LONGEST_SECONDS
                self._longest = max(self._longest, perf_counter() - self._began)
                await asyncio.sleep(PAUSE_SECONDS)

    def longest_milliseconds(self) -> float:
        """The longest answer since the last call. One that has not come yet counts as it is."""
        longest, self._longest = max(self._longest, perf_counter() - self._began), 0.0
        return longest * 1000


async def main(port: int, token: str) -> None:
    """Ask until standard input ends."""
    neighbour, loop = Neighbour(port, token), asyncio.get_running_loop()
    asking = asyncio.create_task(neighbour.ask_forever())
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(f"{neighbour.longest_milliseconds():.1f}", flush=True)
    asking.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
