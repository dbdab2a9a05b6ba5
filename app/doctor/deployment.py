"""Checks that need the database: schema, clocks, and progress of bulk actions."""

from datetime import UTC, datetime

from app.doctor.finding import Finding, failed, passed, warned
from app.settings import Settings
from models.engine.database import Database
from models.engine.leadership import LEADER_LOCK
from models.engine.locks import alone_on
from models.engine.migrate import known_migrations, require_current_schema
from models.errors import DatabaseInUse, SchemaOutdated, SchemaTooNew
from models.fields import to_microseconds
from resolvers.membership.clock import READ, ClockReading

TIME = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now"
LEADERS = """
    SELECT count(*) AS leaders FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :key
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
WAITING = "SELECT count(*) AS waiting FROM bulk_actions WHERE state IN ('QUEUED', 'RUNNING') AND worked_at < :since"
MOST_SKEW = 1.0  # seconds
MOST_DELETION_LAG = 86_400.0  # seconds
MOST_WAITING = 60.0  # seconds that a bulk action may wait for its next chunk

AHEAD = (
    "The logical clock is {seconds:.0f} seconds ahead of this machine's clock, so groups do not follow the time: "
    "correct this machine's clock, or if it is right, turn the logical clock back with `muster clock --back-to now`."
)
DELETION_BEHIND = (
    "Old entries are deleted as of {days:.1f} days before the logical clock, which has moved faster than servers have run. That is as it "
    "should be after an outage. If there was none, this machine's clock is wrong: correct it, and see `muster clock`."
)


def _now() -> int:
    return to_microseconds(datetime.now(UTC))


async def examine_schema(database: Database) -> Finding:
    """Check that all migrations of this program are applied."""
    try:
        await require_current_schema(database)
    except (SchemaOutdated, SchemaTooNew) as error:
        return failed("schema", error.message)
    return passed("schema", f"All {len(known_migrations())} migrations are applied.")


async def examine_skew(database: Database) -> Finding:
    """Check that this machine and the database agree on the time."""
    began = _now()
    there = (await database.row(TIME))["now"]
    skew = (there - (began + _now()) / 2) / 1e6
    if abs(skew) > MOST_SKEW:
        return failed("time", f"The database's clock is {skew:+.1f} seconds off this machine's: let both follow NTP.")
    return passed("time", f"This machine and the database agree within {max(abs(skew), 0.001):.3f} seconds.")


async def examine_clock(database: Database, settings: Settings) -> list[Finding]:
    """Check that the logical clock is not ahead, and that a server advances it and works on bulk actions."""
    stored = await _stored(database)
    found = [_deletion(stored)]
    if (lag := _lag(stored)) < -settings.ready_clock_lag_seconds:
        return [failed("clock", AHEAD.format(seconds=-lag)), *found]
    if not await _is_led(database, settings):
        return [
            warned("clock", "No server runs, so groups do not follow the time: start one with `muster serve`, which will catch up."),
            *found,
        ]
    return [_behind(lag, settings), *found, await _bulk(database)]


async def _stored(database: Database) -> ClockReading | None:
    """Return the stored clock, or None in a database that no server has used."""
    rows = await database.rows(READ)
    return ClockReading(**rows[0]) if rows else None


def _lag(stored: ClockReading | None) -> float:
    return (_now() - stored.settled) / 1e6 if stored else 0.0


def _deletion(stored: ClockReading | None) -> Finding:
    lag = (stored.now - stored.confirmed) / 1e6 if stored else 0.0
    if lag > MOST_DELETION_LAG:
        return warned("deletion", DELETION_BEHIND.format(days=lag / 86_400))
    return passed("deletion", "Old entries are deleted by a confirmed time.")


async def _is_led(database: Database, settings: Settings) -> bool:
    if database.engine == "postgresql":
        return bool((await database.row(LEADERS, key=LEADER_LOCK))["leaders"])
    try:
        with alone_on(settings.database_url):
            return False
    except DatabaseInUse:
        return True


def _behind(lag: float, settings: Settings) -> Finding:
    if lag > settings.ready_clock_lag_seconds:
        return failed("clock", f"A server runs, and its clock is {lag:.0f} seconds behind: see its log for the reason.")
    return passed("clock", f"A server runs, and its clock is {max(lag, 0):.1f} seconds behind.")


async def _bulk(database: Database) -> Finding:
    waiting = (await database.row(WAITING, since=_now() - round(MOST_WAITING * 1e6)))["waiting"]
    if waiting:
        return warned("bulk actions", f"{waiting} have not moved for a minute: see the servers' logs for `bulk action failed`.")
    return passed("bulk actions", "None is stuck.")
