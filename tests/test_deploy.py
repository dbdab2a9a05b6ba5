"""The documents for operators and the files of deploy/ speak of things that exist, and of all of them."""

import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no types
from prometheus_client.parser import text_string_to_metric_families

from app.settings import described
from app.telemetry import Telemetry
from models.engine.fair_queue import FairQueue

ROOT = Path(__file__).parents[1]
EXACT = re.compile(r"docker\.io/[\w/]+:\d+\.\d+(\.\d+)?(-alpine)?")
FILES = sorted((ROOT / "deploy").iterdir())
DOCUMENTS = [ROOT / "docs" / name for name in ("operations.md", "deployment.md")]


def test_every_setting_that_is_spoken_of_exists() -> None:
    known = {variable for variable, _, _ in described()}
    spoken = {path.name: set(re.findall(r"MUSTER_[A-Z_]+", path.read_text())) for path in [*FILES, *DOCUMENTS]}
    assert {name: found - known for name, found in spoken.items() if found - known} == {}


def test_every_metric_is_explained_and_no_other() -> None:
    explained = set(re.findall(r"`(muster_[a-z_]+)`", (ROOT / "docs" / "operations.md").read_text()))
    metrics = Telemetry().metrics
    metrics.gauges.follow_turns(FairQueue(1, 1))  # which adds a metric
    text = metrics.written().decode()
    families = {family.name: family.type for family in text_string_to_metric_families(text) if family.name.startswith("muster_")}
    assert {f"{name}_total" if kind == "counter" else name for name, kind in families.items()} == explained


def test_every_document_is_found_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [path.name for path in DOCUMENTS if f"docs/{path.name}" not in readme] == []


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    return found


def test_every_container_is_limited_and_has_an_exact_version() -> None:
    services = composed()["services"]
    assert [name for name, each in services.items() if not (each["mem_limit"] and each["pids_limit"])] == []
    images = {each["image"] for each in services.values() if "build" not in each}
    assert [image for image in images if not EXACT.fullmatch(image)] == []


def test_the_database_and_the_bus_are_reached_from_inside_only_and_with_passwords() -> None:
    found = composed()
    assert found["networks"]["data"] == {"internal": True}
    inside = {name: each["networks"] for name, each in found["services"].items() if name in ("database", "bus", "migration")}
    assert set(map(tuple, inside.values())) == {("data",)}
    assert found["services"]["proxy"]["networks"] == ["front"]
    assert "--requirepass" in found["services"]["bus"]["command"][-1]
    assert ":${VALKEY_PASSWORD" in found["services"]["muster-one"]["environment"]["MUSTER_BUS_URL"]


def test_the_health_check_asks_the_port_that_is_configured() -> None:
    (check,) = re.findall(r"HEALTHCHECK[^\[]*(.*)", (ROOT / "deploy" / "Containerfile").read_text())
    assert ("MUSTER_PORT" in check, "8000" in check) == (True, False)


def test_the_unit_limits_the_server_and_restarts_it_when_it_is_frozen() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    unit.read(ROOT / "deploy" / "muster.service")
    assert {"MemoryMax", "TasksMax", "WatchdogSec", "LimitNOFILE"} <= unit["Service"].keys()
    assert unit["Service"]["Restart"] == "on-failure"


def test_the_proxy_limits_connections_and_requests_by_address() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    assert {"limit_conn", "limit_req"} <= set(re.findall(r"^ +(limit_\w+)", text, re.MULTILINE))
