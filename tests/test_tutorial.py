"""The tutorial, run from its own text: what it tells the reader to type is typed, and what it promises is seen."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from models.engine.database import open_database
from models.engine.migrate import known_migrations
from tests.support.processes import DEADLINE
from tests.support.programs import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```sh ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DONE = "--done--"


class Terminal:
    """A shell that reads blocks of the tutorial, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def type(self, block: str) -> str:
        """Run a block and return what it prints."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{block}\necho; echo {DONE}\n".encode())
        return await self.until(DONE)

    async def until(self, text: str) -> str:
        """What is printed up to a line with this text."""
        assert self._process.stdout is not None
        printed = ""
        async with asyncio.timeout(DEADLINE):
            while text not in printed:
                line = await self._process.stdout.readline()
                assert line, printed
                printed += line.decode()
        return printed


@asynccontextmanager
async def terminal(folder: Path, command: str = "exec bash -e") -> AsyncIterator[Terminal]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield Terminal(process)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, 9)
        await process.wait()


@pytest.mark.only("sqlite")
async def test_a_reader_who_types_the_tutorial_sees_what_it_promises(tmp_path: Path, port: int) -> None:
    blocks = [(kind, text.replace(":8000", f":{port}")) for kind, text in BLOCK.findall(TUTORIAL.read_text())]
    told: list[str] = []
    async with terminal(tmp_path) as first, terminal(tmp_path) as second, terminal(tmp_path) as third:
        for kind, text in blocks:
            if kind == "serve":
                await second.type("export MUSTER_DATABASE_URL=sqlite:///tutorial.db")
                await second.type(f"{text.strip()} --port {port} &")
                await second.until("/graphql")
            elif kind == "watch":
                await first.type("echo export TOKEN=$TOKEN GROUP=$GROUP > names")
                await third.type(". ./names")
                await third.type(f"{text.strip()} &")
                assert "GroupHeartbeat" in await third.until("GroupHeartbeat")
            else:
                told.append(await first.type(text))
        watched = await third.until('leftIds": ["')
    assert any("Tags contain python, and tags do not contain oldlibs" in output for output in told)
    assert "chiara@example.org" in watched
    assert "bo@example.org" in watched
    assert (tmp_path / "maintainers.errors.csv").exists()
    async with open_database(f"sqlite:///{tmp_path}/tutorial.db") as database:
        assert len(await database.rows("SELECT name FROM tortoise_migrations")) == len(known_migrations())
