"""Tests share code through fixtures and tests/support: no module imports a test module, so each can be read, moved and deleted alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEARCHED = ("tests", "bench")


def imported_modules(source: str) -> Iterator[str]:
    """The dotted names of all modules that a source file imports, or imports names from."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{name.name}" for name in names)


def forbidden(source: str) -> set[str]:
    return {name for name in imported_modules(source) if name.startswith("tests.test_")}


def test_no_module_imports_a_test_module() -> None:
    files = [path for room in SEARCHED for path in (ROOT / room).rglob("*.py") if "node_modules" not in path.parts]
    assert len(files) > 100  # every room is looked into
    assert {str(path.relative_to(ROOT)): found for path in files if (found := forbidden(path.read_text()))} == {}


def test_an_import_of_a_test_module_is_noticed_however_it_is_written() -> None:
    assert forbidden("from tests.test_bulk import CONTACTS") == {"tests.test_bulk", "tests.test_bulk.CONTACTS"}
    assert forbidden("def f():\n    import tests.test_bulk") == {"tests.test_bulk"}
    assert forbidden("from tests import test_bulk, support") == {"tests.test_bulk"}
    assert forbidden("from tests.support import effort") == set()
