"""Checks the configuration of the PostgreSQL server."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from app.doctor.finding import Finding, failed, passed, warned
from app.settings import PREFIX, Settings
from models.engine.database import Database, Row

ABOUT = """
    SELECT current_setting('server_version_num')::int / 10000 AS version, current_setting('server_encoding') AS encoding,
           current_setting('default_transaction_isolation') AS isolation, current_setting('fsync') AS fsync,
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS connections,
           coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
           coalesce(inet_client_addr() = inet_server_addr(), true) AS is_local,
           pg_is_in_recovery()::int AS is_replica, current_setting('default_transaction_read_only') AS read_only,
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name NOT LIKE 'muster%') AS others
"""
OLDEST = 14
BESIDE_THE_POOL = 2  # connections of each process: one listens to the bus, one holds the leader lock
ISOLATION = "read committed"
VERIFIED = "verify-full"
VERIFY = f"Add sslmode={VERIFIED} and sslrootcert= to {PREFIX}DATABASE_URL."


async def examine_postgresql(database: Database, settings: Settings) -> list[Finding]:
    """Check version, connections and defaults of the server."""
    about = await database.row(ABOUT)
    return [_version(about), _connections(about, settings), examine_encryption(about, settings.database_url), *_defaults(about)]


def _version(about: Row) -> Finding:
    version = about["version"]
    if version < OLDEST:
        return failed("PostgreSQL", f"Version {version} is too old: use {OLDEST} or newer.")
    return passed("PostgreSQL", f"Version {version}.")


def _connections(about: Row, settings: Settings) -> Finding:
    most, others = about["connections"], about["others"]
    needed = settings.workers * (settings.pool_size + BESIDE_THE_POOL)
    said = f"{settings.workers} x ({settings.pool_size} + {BESIDE_THE_POOL}) = {needed} connections of {most}, {others} taken by others."
    if needed + others > most:
        return failed("connections", f"{said} Lower {PREFIX}POOL_SIZE or {PREFIX}WORKERS, or raise max_connections.")
    if needed * 2 + others > most:
        return warned("connections", f"{said} Two such servers at once, as when one replaces the other, do not fit: raise max_connections.")
    return passed("connections", said)


def examine_encryption(about: Row, url: str) -> Finding:
    """Check whether others on the network could read the connection, or pose as the server."""
    if about["is_encrypted"]:
        if VERIFIED in parse_qs(urlsplit(url).query).get("sslmode", []) or about["is_local"]:
            return passed("encryption", "The connection is encrypted.")
        return warned("encryption", f"The connection is encrypted, and nobody checks whose server it is. {VERIFY}")
    if about["is_local"]:
        return passed("encryption", "The connection is not encrypted, and does not leave this machine.")
    return warned("encryption", f"The connection is not encrypted: the network can read everything. {VERIFY}")


def _defaults(about: Row) -> Iterator[Finding]:
    if about["encoding"] != "UTF8":
        yield failed("encoding", f"The database holds texts in {about['encoding']}: make one with ENCODING 'UTF8'.")
    if about["is_replica"] or about["read_only"] == "on":
        yield failed("writing", f"The server takes no writes: point {PREFIX}DATABASE_URL to the primary.")
    if about["isolation"] != ISOLATION:
        yield failed("isolation", f"Transactions are {about['isolation']} by default: set default_transaction_isolation to '{ISOLATION}'.")
    if about["fsync"] != "on":
        yield warned("durability", "fsync is off: a crash of the machine may destroy the database. Switch it on.")
