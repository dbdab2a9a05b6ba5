"""Where an export goes: standard output, or a file that appears under its name only when it is whole."""

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
    """The format that was chosen, or else the one that the name tells; standard output is CSV."""
    if chosen is not None:
        return chosen
    if path == STANDARD_OUTPUT:
        return Format.CSV
    known = [*Format]
    if path.suffix.lower() in {f".{each}" for each in known}:
        return Format(path.suffix[1:].lower())
    names = " or ".join(f".{each}" for each in known)
    raise BadInput(f"The name {path.name} does not tell the format. Let it end in {names}, or choose one with --format.")


@contextmanager
def destination(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A stream into the file, which is not touched before all is written, nor at all unless it is new or may be overwritten."""
    if path == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    goal = path.resolve()  # a link stays one
    _refuse(goal, path, overwrite=overwrite)
    number, name = tempfile.mkstemp(dir=goal.parent, prefix=f".{goal.name}.", suffix=".part")  # which nobody else may read
    unfinished = Path(name)
    try:
        with os.fdopen(number, "wb") as stream:
            yield stream
            _refuse(goal, path, overwrite=overwrite)  # somebody may have been faster
            _finish(stream, _mode_of(goal))
        unfinished.replace(goal)
        _keep(goal.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _mode_of(goal: Path) -> int:
    """Who may read and write the file: whoever may now, or where there is none, whoever may by default."""
    if goal.exists():
        return stat.S_IMODE(goal.stat().st_mode)
    mask = os.umask(0o077)  # there is no way to ask without setting it
    os.umask(mask)
    return 0o666 & ~mask


def _finish(stream: BinaryIO, mode: int) -> None:
    """Have all that was written on the disk before it gets its name: a power failure could leave it empty in the old one's place."""
    stream.flush()
    with suppress(OSError):  # some file systems know no modes
        os.fchmod(stream.fileno(), mode)
    os.fsync(stream.fileno())


def _keep(directory: Path) -> None:
    """Have the names of a directory's files on the disk."""
    with suppress(OSError):  # some file systems do this for files only, and some directories may not be read
        number = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _refuse(goal: Path, path: Path, *, overwrite: bool) -> None:
    if not goal.parent.is_dir():
        raise BadInput(f"There is no directory {path.parent}.")
    if goal.exists() and not goal.is_file():
        raise BadInput(f"{path} is not a file that can be replaced. Name another one, or - for standard output.")
    if goal.exists() and not overwrite:
        raise BadInput(f"There is a file {path} already. Name another one, or overwrite it with --force.")
