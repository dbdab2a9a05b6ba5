"""The journeys of docs/architecture.md can be walked: every function is there, and the one above it contains the call."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
STEP = re.compile(r"(?P<indent> *)(?P<path>[\w/]+\.py): (?P<name>[\w.]+)(?:  .*)?")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Step(NamedTuple):
    """A line of a journey: how deep it stands, and the function that it names."""

    depth: int
    path: str
    name: str


def journeys(page: str) -> dict[str, list[Step]]:
    blocks = re.findall(r"^### (.+?)\n\n```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return {title: [step(line) for line in block.splitlines()] for title, block in blocks}


def step(line: str) -> Step:
    match = STEP.fullmatch(line)
    assert match, f"not a step of a journey: {line!r}"
    return Step(len(match["indent"]) // 2, match["path"], match["name"])


def definition(found: Step) -> Definition:
    node: ast.AST = ast.parse((ROOT / found.path).read_text())
    for part in found.name.split("."):
        below = [each for each in ast.walk(node) if isinstance(each, Definition) and each.name == part and each is not node]
        assert below, f"{found.path} has no {found.name}"
        node = below[0]
    assert isinstance(node, Definition)
    return node


def names_in(node: ast.AST) -> set[str]:
    """The names of functions, methods and classes that the code refers to."""
    found = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return found | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def calls(steps: list[Step]) -> Iterator[tuple[Step, Step]]:
    """Each step with the one above it; those at the margin are called by a library or a loop."""
    above: list[Step] = []
    for each in steps:
        del above[each.depth :]
        if above:
            yield above[-1], each
        above.append(each)


def broken(steps: list[Step]) -> list[str]:
    return [
        f"{caller.path}: {caller.name} does not name {called.name}"
        for caller, called in calls(steps)
        if called.name.split(".")[-1] not in names_in(definition(caller))
    ]


JOURNEYS = journeys(PAGE.read_text())


def test_there_are_four_journeys() -> None:
    assert len(JOURNEYS) == 4
    assert all(len(steps) >= 6 for steps in JOURNEYS.values())


@pytest.mark.parametrize("title", JOURNEYS)
def test_every_step_of_a_journey_is_a_plain_call(title: str) -> None:
    for each in JOURNEYS[title]:
        definition(each)
    assert broken(JOURNEYS[title]) == []


def test_a_call_that_is_not_there_is_noticed() -> None:
    steps = [step("resolvers/write.py: write"), step("  resolvers/membership/settle.py: settle   no direct call")]
    assert broken(steps) == ["resolvers/write.py: write does not name settle"]
    with pytest.raises(AssertionError, match="has no vanished"):
        definition(step("resolvers/write.py: vanished"))
