"""Checks the file of a SQLite database: journal, permissions and free disk space."""

import os
import shutil
import sqlite3
from pathlib import Path

from app.doctor.finding import Finding, failed, passed, warned
from models.engine.database import Database

MODE = "PRAGMA journal_mode"
EVERYBODY = 0o007
LEAST_ROOM = 2**30  # bytes


async def examine_sqlite(database: Database, path: Path) -> list[Finding]:
    """Check the file and its journal."""
    (mode,) = await database.rows(MODE)
    journal = mode["journal_mode"]
    kept = passed("SQLite", f"Version {sqlite3.sqlite_version}, journal {journal}.")
    if journal != "wal":
        kept = failed("SQLite", f"The journal is {journal}, because the file system allows no WAL: move the file to a local disk.")
    return [kept, _rights(path), _room(path)]


def _rights(path: Path) -> Finding:
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return failed("rights", f"This user may not write {path} and its directory: change their owner, or run as that one.")
    if path.stat().st_mode & EVERYBODY:
        return warned("rights", f"Every user of this machine may read {path}: chmod o= {path}")
    return passed("rights", f"{path} is writable, and not for everybody.")


def _room(path: Path) -> Finding:
    free, needed = shutil.disk_usage(path).free, max(path.stat().st_size, LEAST_ROOM)
    said = f"{free / 2**30:.1f} GB are free."
    return passed("room", said) if free > needed else warned("room", f"{said} Make room: less than the file's own size may not last.")
