"""`python -m tests.planted [TEXT ...]`: plant each fault whose room or description has one of these texts, and see that a test fails."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.planted.patches import DoesNotApply, Fault, read_faults

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "*.egg-info", "build", "*.db*")
FAILED = 1  # pytest's exit code where tests ran and one failed
A_TEST_FAILED = re.compile(r"^\d+ (failed|error)|, \d+ (failed|error)", re.MULTILINE)
MINUTES = 15  # after which tests that a fault keeps from ending count as failed
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:schemathesis", "--hypothesis-profile", "unshrunk")


def main(wanted: Sequence[str]) -> int:
    """Look at the sound tree first, then plant one fault after the other. The exit code is that of a program."""
    faults = [fault for fault in read_faults() if not wanted or any(text in f"{fault.room}: {fault.wrong}" for text in wanted)]
    with tempfile.TemporaryDirectory(prefix="muster-planted-") as directory:
        tree = Path(directory) / "tree"
        shutil.copytree(ROOT, tree, ignore=IGNORED)
        unsound = [engine for engine in ("sqlite", "postgresql") if not _is_sound(tree, engine, faults)]
        unnoticed = [] if unsound else [fault for fault in faults if not _is_noticed(tree, fault)]
    say(f"{len(faults) - len(unnoticed)} of {len(faults)} faults were noticed." if not unsound else "The tests fail without any fault.")
    return FAILED if unsound or unnoticed else 0


def _is_sound(tree: Path, engine: str, faults: Iterable[Fault]) -> bool:
    """Whether the tests that faults name pass as long as there is none."""
    files = sorted({name for fault in faults if fault.engine == engine for name in fault.test_files})
    return not files or _run(tree, engine, files) == 0


def _is_noticed(tree: Path, fault: Fault) -> bool:
    began = time.monotonic()
    try:
        with fault.planted_in(tree):
            code = _run(tree, fault.engine, fault.test_files)
    except DoesNotApply as reason:
        say(f"DOES NOT APPLY  {reason}")
        return False
    said = "noticed" if code == FAILED else f"UNNOTICED (pytest ended with {code})"
    say(f"{said}  {fault.room}: {fault.wrong} [{', '.join(fault.tests)}, {fault.engine}, {time.monotonic() - began:.0f} s]")
    return code == FAILED


def _run(tree: Path, engine: str, files: Iterable[str]) -> int:
    """Run test modules in the tree until one fails, and return the exit code of pytest."""
    report = tree.parent / "report.txt"
    with report.open("w") as stream:
        try:
            code = subprocess.run(
                [*PYTEST, "--engine", engine, *files],
                cwd=tree,
                env=os.environ | {"PYTHONPATH": str(tree)},
                stdout=stream,
                stderr=subprocess.STDOUT,
                timeout=MINUTES * 60,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return FAILED
    said = report.read_text()
    if code not in (0, FAILED):
        say(said[-2_000:])
    if code == FAILED and not A_TEST_FAILED.search(said):
        return 0  # the run as a whole was found wanting, as one of a few modules may be: no test has noticed anything
    return code


def say(text: str) -> None:
    """Print at once, since each line takes its time."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
