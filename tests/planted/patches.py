"""The table of faults, and applying one to a tree."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("faults.toml")


class DoesNotApply(Exception):
    """The text that a fault replaces does not stand exactly once in its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A plausible mistake: a text of a file, the wrong one in its place, and the test modules of which one must notice."""

    wrong: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    engine: str = "sqlite"

    @property
    def test_files(self) -> tuple[str, ...]:
        """The paths of the test modules."""
        return tuple(f"tests/test_{name}.py" for name in self.tests)

    def applied_to(self, text: str) -> str:
        """The text of the file with the fault in it."""
        if text.count(self.old) != 1:
            raise DoesNotApply(f"{self.file} has this {text.count(self.old)} times instead of once: {self.old}")
        return text.replace(self.old, self.new)

    @contextmanager
    def planted_in(self, tree: Path) -> Iterator[None]:
        """The fault stands in the tree while the context is open."""
        path = tree / self.file
        sound = path.read_text()
        path.write_text(self.applied_to(sound))
        try:
            yield
        finally:
            path.write_text(sound)


def read_faults() -> list[Fault]:
    """All faults of the table."""
    return [Fault(**{**row, "tests": tuple(row["tests"])}) for row in tomllib.loads(TABLE.read_text())["fault"]]
