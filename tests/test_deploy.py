"""The documents for operators and the files of deploy/ speak of things that exist, and of all of them."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from app.settings import described
from app.telemetry import Telemetry

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "deploy").iterdir())
DOCUMENTS = [ROOT / "docs" / name for name in ("operations.md", "deployment.md")]


def test_every_setting_that_is_spoken_of_exists() -> None:
    known = {variable for variable, _, _ in described()}
    spoken = {path.name: set(re.findall(r"MUSTER_[A-Z_]+", path.read_text())) for path in [*FILES, *DOCUMENTS]}
    assert {name: found - known for name, found in spoken.items() if found - known} == {}


def test_every_metric_is_explained_and_no_other() -> None:
    explained = set(re.findall(r"`(muster_[a-z_]+)`", (ROOT / "docs" / "operations.md").read_text()))
    text = Telemetry().metrics.written().decode()
    families = {family.name: family.type for family in text_string_to_metric_families(text) if family.name.startswith("muster_")}
    assert {f"{name}_total" if kind == "counter" else name for name, kind in families.items()} == explained


def test_every_document_is_found_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [path.name for path in DOCUMENTS if f"docs/{path.name}" not in readme] == []
