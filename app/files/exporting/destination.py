"""The destination of an export: standard output, or a file that gets its name only when it is complete."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from app.files.exporting.formats import Format
from models.errors import BadInput

STANDARD_OUTPUT = Path("-")


def format_of(path: Path, chosen: Format | None) -> Format:
    """Return the chosen format, or else the one that the file name shows. Standard output is CSV."""
    if chosen is not None:
        return chosen
    if path == STANDARD_OUTPUT:
        return Format.CSV
    known = [*Format]
    if path.suffix.lower() in {f".{each}" for each in known}:
        return Format(path.suffix[1:].lower())
    names = " or ".join(f".{each}" for each in known)
    raise BadInput(f"The name {path.name} does not show the format. End it in {names}, or choose one with --format.")


@contextmanager
def destination(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a stream whose content becomes the file when the block ends without an error.

    The file itself is untouched until then. Raises `BadInput` if it exists and `overwrite` is not set.
    """
    if path == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    goal = path.resolve()  # replaces the target of a link, not the link
    _check(goal, path, overwrite=overwrite)
    number, name = tempfile.mkstemp(dir=goal.parent, prefix=f".{goal.name}.", suffix=".part")  # readable by this user only
    unfinished = Path(name)
    try:
        with os.fdopen(number, "wb") as stream:
            yield stream
            _check(goal, path, overwrite=overwrite)  # another program may have created it meanwhile
            _finish(stream, _mode_of(goal))
        unfinished.replace(goal)
        _sync_directory(goal.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _mode_of(goal: Path) -> int:
    """Return the permissions of the existing file, or the default ones of a new file."""
    if goal.exists():
        return stat.S_IMODE(goal.stat().st_mode)
    mask = os.umask(0o077)  # it can only be read by setting it
    os.umask(mask)
    return 0o666 & ~mask


def _finish(stream: BinaryIO, mode: int) -> None:
    """Write everything to the disk, because a power failure after the rename could leave an empty file."""
    stream.flush()
    with suppress(OSError):  # some file systems have no permissions
        os.fchmod(stream.fileno(), mode)
    os.fsync(stream.fileno())


def _sync_directory(directory: Path) -> None:
    """Write the directory's entries to the disk."""
    with suppress(OSError):  # not possible on every file system, nor in a directory that may not be read
        number = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _check(goal: Path, path: Path, *, overwrite: bool) -> None:
    if not goal.parent.is_dir():
        raise BadInput(f"There is no directory {path.parent}.")
    if goal.exists() and not goal.is_file():
        raise BadInput(f"{path} is not a file that can be replaced. Name another one, or - for standard output.")
    if goal.exists() and not overwrite:
        raise BadInput(f"There is a file {path} already. Name another one, or overwrite it with --force.")
