"""The picture of the folders in docs/architecture.md, made from the docstrings of the packages.

`python -m tests.support.folder_tree` writes it into the page again.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- folders: made by python -m tests.support.folder_tree -->\n", "<!-- /folders -->\n"
RENEW = "the picture of the folders is out of date; renew it: python -m tests.support.folder_tree"


def picture() -> str:
    """Every package, and every module that has a layer of its own, with the first sentence of its docstring."""
    rooms = _contracts()["rooms"]["layers"]
    return "".join(f"{line}\n" for room in rooms for line in _lines(ROOT / room, 0))


def renewed(page: str) -> str:
    """The page with the picture as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{picture()}\n{END}{after}"


def _lines(path: Path, level: int) -> Iterator[str]:
    is_folder = path.is_dir()
    sentence = _first_sentence(path / "__init__.py" if is_folder else path)
    yield f"{'    ' * level}- `{path.name}{'/' if is_folder else ''}`: {sentence}"
    if is_folder:
        for inner in sorted(path.iterdir(), key=lambda each: (each.is_file(), each.name)):
            if (inner / "__init__.py").is_file() or (_has_layers(path) and inner.suffix == ".py" and inner.name != "__init__.py"):
                yield from _lines(inner, level + 1)


def _first_sentence(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=[.!?])\s", " ".join(docstring.split()), maxsplit=1)[0]


def _has_layers(folder: Path) -> bool:
    """Whether an exhaustive contract gives each module of the folder a layer."""
    name = ".".join(folder.relative_to(ROOT).parts)
    return any(name in contract.get("containers", []) for contract in _contracts().values())


def _contracts() -> dict[str, dict[str, list[str]]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
