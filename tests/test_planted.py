"""The table of faults that `make planted` plants: each applies to the present tree, and names tests that there are."""

from pathlib import Path

import pytest

from tests.planted.patches import DoesNotApply, Fault, read_faults

ROOT = Path(__file__).parents[1]
ROOMS = {"app", "schema", "resolvers", "subscriptions", "models"}
FAULTS = read_faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.room}: {fault.wrong}")
def test_a_fault_applies_and_its_tests_are_there(fault: Fault) -> None:
    assert fault.place(ROOT).is_file()
    assert fault.new != fault.old
    assert fault.tests
    assert [name for name in fault.test_files if not (ROOT / name).is_file()] == []
    assert fault.engine in ("sqlite", "postgresql")


def test_there_are_thirty_faults_and_some_in_every_room() -> None:
    assert len(FAULTS) >= 30
    assert {Path(fault.room).parts[0] for fault in FAULTS} == ROOMS


def test_a_fault_that_stands_no_longer_or_more_than_once_does_not_apply(tmp_path: Path) -> None:
    fault = Fault(wrong="It adds.", room="app", old="a - b", new="a + b", tests=("x",))
    path = tmp_path / "app" / "x.py"
    path.parent.mkdir()
    path.write_text("def f(a, b):\n    return a - b\n")
    with fault.planted_in(tmp_path):
        assert "a + b" in path.read_text()
    assert "a - b" in path.read_text()
    for text in ("a-b", "a - b, a - b"):
        path.write_text(text)
        with pytest.raises(DoesNotApply), fault.planted_in(tmp_path):
            pass
