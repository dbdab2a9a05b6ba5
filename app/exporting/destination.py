"""Where an export goes: standard output, or a file that appears under its name only when it is whole."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.exporting.formats import Format
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
    unfinished = goal.with_name(f".{goal.name}.{os.getpid()}.part")
    try:
        with unfinished.open("xb") as stream:
            yield stream
        _refuse(goal, path, overwrite=overwrite)  # somebody may have been faster
        unfinished.replace(goal)
    finally:
        unfinished.unlink(missing_ok=True)


def _refuse(goal: Path, path: Path, *, overwrite: bool) -> None:
    if not goal.parent.is_dir():
        raise BadInput(f"There is no directory {path.parent}.")
    if goal.exists() and not goal.is_file():
        raise BadInput(f"{path} is not a file that can be replaced. Name another one, or - for standard output.")
    if goal.exists() and not overwrite:
        raise BadInput(f"There is a file {path} already. Name another one, or overwrite it with --force.")
