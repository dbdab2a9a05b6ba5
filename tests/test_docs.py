"""The documentation agrees with the repository: its links lead somewhere, and what it names exists."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest
from graphql import parse, validate

from schema.strawberry_adapter import graphql_schema
from tests.support import folder_tree
from tests.support.graphql import schema

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob(".github/**/*.md")])
FOLDERS = ("app", "bench", "deploy", "docs", "models", "resolvers", "schema", "subscriptions", "tests", ".github")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FILE = re.compile(r"`([\w./-]+\.(?:py|md|toml|graphql|sql|ya?ml|conf|service|lock))`")
FOLDER = re.compile(r"`([\w./-]+/)`")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site both make them."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(prose(page))}


@cache
def tree() -> tuple[list[str], list[str]]:
    """The files and the folders of the repository, with a slash before and, for folders, after each."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    beside = [path for path in ROOT.iterdir() if path.is_file()]
    files = [f"/{path.relative_to(ROOT)}" for path in [*found, *beside] if path.is_file()]
    return files, [f"/{path.relative_to(ROOT)}/" for path in found if path.is_dir()] + [f"/{folder}/" for folder in FOLDERS]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_internal_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_and_folder_that_a_page_names_exists(page: Path) -> None:
    files, folders = tree()
    missing = [name for name in FILE.findall(prose(page)) if not any(path.endswith(f"/{name}") for path in files)]
    missing += [name for name in FOLDER.findall(prose(page)) if not any(path.endswith(f"/{name}") for path in folders)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_example_is_well_formed(page: Path) -> None:
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "graphql":
            assert [error.message for error in validate(graphql_schema(schema()), parse(text))] == []
        elif language == "json":
            json.loads(text)
        elif language == "python":
            ast.parse(text)


def test_every_page_stands_in_the_navigation_of_the_site() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert listed == {page for page in pages if "/" not in page or page.rsplit("/", 1)[1] == "index.md"}


def test_the_picture_of_the_folders_is_the_tree() -> None:
    page = folder_tree.PAGE.read_text(encoding="utf-8")
    assert folder_tree.renewed(page) == page, folder_tree.RENEW
