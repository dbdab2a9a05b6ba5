"""The words and the sizes of the code, as laws: words that an engineer knows, short sentences, small functions and modules."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
CODE = ("app", "schema", "resolvers", "subscriptions", "models", "bench")
COINED = {
    *("sift", "sifts", "sifted", "sifting", "alike", "shelf", "shelves", "suspect", "suspects", "suspected", "newcomer", "newcomers"),
    *("bell", "bells", "peal", "peals", "remark", "remarks", "remarked"),
}
LONGEST_SENTENCE = 25  # words
LONGEST_FUNCTION = 40  # lines
LONGEST_MODULE = 250  # lines
LARGEST_MEDIAN = 7  # lines
LONG_MODULES: dict[str, str] = {}  # modules that may be longer, each with the reason
WRITTEN_BY_A_TOOL = "models/migrations/0"  # the migrations; coined words are forbidden there, too

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s|\n\n")
_REASONED_IGNORE = re.compile(r"type: ignore\[[\w, -]+\]  # \S")
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
_WHOEVER = re.compile(r"\bwho(so|m)?ever\b", re.IGNORECASE)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# ---------------------------------------------------------------- the laws


def coined(text: str) -> Iterator[str]:
    """Every line with a word that only this house would use, in an identifier, a text or a comment."""
    lowered = text.lower()
    if not any(word in lowered for word in COINED):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if found := COINED.intersection(word.lower() for word in _WORD.findall(line)):
            yield f"{number}: coined word {', '.join(sorted(found))}"


def badly_documented(tree: ast.Module) -> Iterator[str]:
    """Every docstring that chains clauses, begins with a long sentence, or speaks of an unnamed person."""
    for node in ast.walk(tree):
        if isinstance(node, Documented) and (text := ast.get_docstring(node)):
            line = getattr(node, "lineno", 1)
            words = len(_END_OF_SENTENCE.split(text, maxsplit=1)[0].split())
            if words > LONGEST_SENTENCE:
                yield f"{line}: first sentence of {words} words"
            if ";" in text:
                yield f"{line}: semicolon in a docstring"
            if _WHOEVER.search(text):
                yield f"{line}: whoever"


def badly_built(tree: ast.Module) -> Iterator[str]:
    """Every function that is too long or imports."""
    for function in functions(tree):
        if length(function) > LONGEST_FUNCTION:
            yield f"{function.lineno}: {function.name} has {length(function)} lines"
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield f"{node.lineno}: import inside {function.name}"


def badly_commented(text: str) -> Iterator[str]:
    """Every line that promises work, or silences the type checker without a code and a reason."""
    for number, line in enumerate(text.splitlines(), 1):
        _, _, comment = line.partition("# ")
        if _UNFINISHED.search(comment):
            yield f"{number}: unfinished"
        if "type: ignore" in comment and not _REASONED_IGNORE.search(comment):
            yield f"{number}: type: ignore without its code and reason"


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def length(function: Function) -> int:
    """The lines from its `def` to its end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def faults(path: str, text: str) -> list[str]:
    """Where a Python file breaks a law."""
    found = [*coined(path), *coined(text)]
    if not path.startswith(WRITTEN_BY_A_TOOL):
        tree = ast.parse(text)
        found += [*badly_documented(tree), *badly_built(tree), *badly_commented(text)]
        if text.count("\n") > LONGEST_MODULE and path not in LONG_MODULES:
            found.append(f"1: {text.count(chr(10))} lines")
    return [f"{path}:{fault}" for fault in found]


# ---------------------------------------------------------------- the code keeps them


def named(pattern: str) -> dict[str, str]:
    """The text of each file under the root that fits a pattern, except for this one."""
    files = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.glob(pattern)) if path.is_file() and path != Path(__file__)}
    return {name: path.read_text(encoding="utf-8") for name, path in files.items()}


@pytest.mark.parametrize("room", CODE)
def test_the_code_keeps_the_laws(room: str) -> None:
    assert [fault for name, text in named(f"{room}/**/*.py").items() for fault in faults(name, text)] == []


@pytest.mark.parametrize("pattern", ["tests/**/*.py", "tests/golden/**/*", "schema/*.graphql", "schema/*.toml", "docs/**/*.md", "*.md"])
def test_no_text_uses_a_coined_word(pattern: str) -> None:
    assert [f"{name}:{fault}" for name, text in named(pattern).items() for fault in coined(text)] == []


@pytest.mark.parametrize("room", CODE)
def test_functions_do_one_thing(room: str) -> None:
    trees = [ast.parse(text) for name, text in named(f"{room}/**/*.py").items() if not name.startswith(WRITTEN_BY_A_TOOL)]
    assert median([length(function) for tree in trees for function in functions(tree)] or [0]) <= LARGEST_MEDIAN


def test_modules_that_may_be_long_exist_and_are_long() -> None:
    assert [name for name in LONG_MODULES if (ROOT / name).read_text(encoding="utf-8").count("\n") <= LONGEST_MODULE] == []


# ---------------------------------------------------------------- they can be broken


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("def sift_groups(): ...", "coined word sift"),
        ("class Shelves: ...", "coined word shelves"),
        ("found = lookAlike", "coined word alike"),
        ('raise ValueError("Too many suspects.")', "coined word suspects"),
        ('"""Rings a bell."""', "coined word bell"),
        ("count = 1  # of newcomers", "coined word newcomers"),
        (f'"""{"word " * 26}."""', "first sentence of 27 words"),
        ('def a():\n    """Say this; say that."""', "semicolon in a docstring"),
        ('class A:\n    """Serve whoever asks."""', "whoever"),
        ("def a():\n" + "    pass\n" * 40, "a has 41 lines"),
        ("def a():\n    import os", "import inside a"),
        ("a = 1  # TODO: two", "unfinished"),
        ("a = b  # type: ignore", "type: ignore without its code and reason"),
        ("a = b  # type: ignore[misc]", "type: ignore without its code and reason"),
        ("a = 1\n" * 251, "251 lines"),
    ],
)
def test_a_planted_fault_is_found(text: str, fault: str) -> None:
    assert any(fault in found for found in faults("app/planted.py", text))


@pytest.mark.parametrize(
    "text",
    [
        'NAMES = ("Campbell", "Shelfield", "remarkable", "appeal")',
        f'"""{"word " * 24}end. {"And more words " * 20}."""',
        "a = b  # type: ignore[misc]  # the library has no types\n",
        "def a():\n" + "    pass\n" * 39,
    ],
)
def test_what_is_well_said_is_left_alone(text: str) -> None:
    assert faults("app/planted.py", text) == []


def test_a_coined_word_in_the_name_of_a_file_is_found() -> None:
    assert faults("app/newcomers.py", "a = 1\n") == ["app/newcomers.py:1: coined word newcomers"]
