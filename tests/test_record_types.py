"""Record types are decided in one table: nothing else may name one of those that contacts own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.composition import PRODUCT

ROOT = Path(__file__).parents[1]
NAMES = {each.name for each in PRODUCT.record_types.all}
OWNED = {each.name for each in PRODUCT.record_types.owned}
ROOMS = ("app", "schema", "resolvers", "subscriptions", "models")

# Modules that may name a record type, each with the reason.
REASONS = {
    "models/groups.py": "says how contacts, which own all other records, are stored",
    "resolvers/records/appointments.py": "is about appointments, and holds their row of the table",
    "app/composition.py": "passes the rows of the product on",
    "schema/query.py": "shows clients that segmentFields is about contacts unless they say otherwise",
}


def names(tree: ast.Module) -> Iterator[str]:
    """Each record type that a module names: as a text, as a member of an enum, or as the row of records that contacts own."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if NAMES & {*text.replace("'", " ").replace('"', " ").split()}:
                yield f"{node.lineno}: {text.strip()[:60]!r}"
            case ast.Attribute(value=ast.Name(id="RecordType"), attr=name) if name.isupper():
                yield f"{node.lineno}: RecordType.{name}"
            case ast.Name(id=name) | ast.alias(name=name) if name in OWNED:
                yield f"{node.lineno}: {name}"


def test_only_the_table_names_record_types_that_contacts_own() -> None:
    files = {path.relative_to(ROOT).as_posix(): path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))}
    found = {name: [*names(ast.parse(path.read_text(encoding="utf-8")))] for name, path in files.items()}
    assert len(files) > 300
    assert {name: lines for name, lines in found.items() if lines and name not in REASONS} == {}
    assert {name for name in REASONS if not found.get(name)} == set(), "these name none: take them from the list"


@pytest.mark.parametrize(
    "source",
    [
        "kind is RecordType.APPOINTMENT",
        "kind == 'CONTACT'",
        "STORED = \"SELECT 1 FROM groups WHERE record_type = 'APPOINTMENT'\"",
        "from resolvers.records.appointments import APPOINTMENT",
    ],
)
def test_a_module_that_names_one_is_noticed(source: str) -> None:
    assert [*names(ast.parse(source))]
