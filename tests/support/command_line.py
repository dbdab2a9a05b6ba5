"""Running the real `muster` program to its end, whatever that is."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import DEADLINE, environment
from tests.support.programs import start


@dataclass(frozen=True)
class Ran:
    """How a program ended, and what it said."""

    code: int
    output: str
    errors: str

    @property
    def sentence(self) -> str:
        """The only line that a program that failed said."""
        (line,) = self.errors.splitlines()
        assert "Traceback" not in line
        return line


async def run(url: str, *arguments: str | Path, **settings: str) -> Ran:
    """Run `muster` on this database."""
    process = await start(*map(str, arguments), environment=environment(url, **settings))
    async with asyncio.timeout(DEADLINE):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, output.decode(), errors.decode())
