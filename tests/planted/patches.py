"""The table of faults, and applying one to a tree."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("faults.toml")


class DoesNotApply(Exception):
    """The text that a fault replaces does not stand exactly once in its room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A plausible mistake: a text of a room, the wrong one in its place, and the test modules of which one must notice.

    A room is a folder: its modules may be renamed, split and joined without an edit of the table.
    """

    wrong: str
    room: str
    old: str
    new: str
    tests: tuple[str, ...]
    engine: str = "sqlite"

    @property
    def test_files(self) -> tuple[str, ...]:
        """The paths of the test modules."""
        return tuple(f"tests/test_{name}.py" for name in self.tests)

    def place(self, tree: Path) -> Path:
        """The module that the fault belongs in."""
        places = [path for path in sorted((tree / self.room).rglob("*.py")) for _ in range(path.read_text().count(self.old))]
        if len(places) != 1:
            raise DoesNotApply(f"{self.room} has this {len(places)} times instead of once: {self.old}")
        return places[0]

    @contextmanager
    def planted_in(self, tree: Path) -> Iterator[None]:
        """The fault stands in the tree while the context is open."""
        path = self.place(tree)
        sound = path.read_text()
        path.write_text(sound.replace(self.old, self.new))
        try:
            yield
        finally:
            path.write_text(sound)


def read_faults() -> list[Fault]:
    """All faults of the table."""
    return [Fault(**{**row, "tests": tuple(row["tests"])}) for row in tomllib.loads(TABLE.read_text())["fault"]]
