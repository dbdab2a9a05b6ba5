"""The file of an export: whole or not there, whatever ends the program, and as private as the one in whose place it comes."""

import asyncio
import os
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from app.commands.terminal import say
from app.files.exporting.destination import destination
from app.running.services import open_services
from app.settings import Settings
from models.engine.database import Database
from models.errors import BadInput
from tests.support.callers import new_account
from tests.support.command_line import run
from tests.support.exports import exporting
from tests.support.processes import DEADLINE, environment

HALF_AN_EXPORT = """
import asyncio, signal, sys
from pathlib import Path
from app.files.exporting.destination import destination
from app.commands.runner import run

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever runs the tests may have it ignored

async def work(services):
    with destination(Path(sys.argv[1]), overwrite=True) as stream:
        stream.write(b"half")
        stream.flush()
        print("begun", flush=True)
        await asyncio.Event().wait()

run(work)
"""
NOT_UTF8 = os.fsdecode(b"l\xe4n.csv")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_export_that_fails_leaves_the_unfinished_file_of_another_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    with destination(path, overwrite=False) as stream:
        with suppress(ConnectionError), destination(path, overwrite=False) as other:
            other.write(b"other")
            raise ConnectionError
        stream.write(b"whole")
    assert [found.name for found in tmp_path.iterdir()] == ["people.csv"]
    assert path.read_bytes() == b"whole"


def test_of_two_exports_into_a_new_file_the_first_to_end_wins(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    with pytest.raises(BadInput, match="already"):
        _write_two(path)
    assert [found.read_bytes() for found in tmp_path.iterdir()] == [b"fast"]


def _write_two(path: Path) -> None:
    with destination(path, overwrite=False) as slow:
        with destination(path, overwrite=False) as fast:
            fast.write(b"fast")
        slow.write(b"slow")


def test_what_a_killed_export_left_is_in_nobodys_way(tmp_path: Path) -> None:
    left = tmp_path / f".people.csv.{os.getpid()}.part"
    left.write_bytes(b"left")
    with destination(tmp_path / "people.csv", overwrite=False) as stream:
        stream.write(b"whole")
    assert left.read_bytes() == b"left"
    assert (tmp_path / "people.csv").read_bytes() == b"whole"


def test_an_unfinished_file_is_for_its_owner_alone_and_a_new_one_for_whom_the_system_says(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    with destination(path, overwrite=False):
        assert [_mode(found) for found in tmp_path.iterdir()] == [0o600]
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert _mode(path) == _mode(ordinary)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
async def test_a_file_that_is_overwritten_keeps_its_mode(database: Database, tmp_path: Path, mode: int) -> None:
    async with exporting(database, tmp_path) as target:
        path = tmp_path / "people.csv"
        path.touch()
        path.chmod(mode)
        assert await target.export(await target.new_account()) == path
        assert _mode(path) == mode
        assert path.stat().st_size > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_that_ends_the_program_leaves_nothing_unfinished(url: str, tmp_path: Path, number: signal.Signals) -> None:
    directory = tmp_path / "exports"
    directory.mkdir()
    path = directory / "people.csv"
    path.write_text("old")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HALF_AN_EXPORT, str(path)),
        env=environment(url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        assert await process.stdout.readline() == b"begun\n"
        assert len(list(directory.iterdir())) == 2
        process.send_signal(number)
        assert await process.communicate() == (b"", b"Interrupted. Everything that was finished is kept.\n")
    assert process.returncode == -number
    assert [(found.name, found.read_text()) for found in directory.iterdir()] == [("people.csv", "old")]


async def test_a_group_or_a_file_whose_name_is_no_text_ends_in_a_sentence(url: str, tmp_path: Path) -> None:
    async with open_services(Settings(database_url=url)) as services:
        await new_account(services)
    ran = await run(url, "export", tmp_path / "people.csv", "--group", "\udcff")
    assert (ran.code, ran.sentence) == (1, "There is no group named \\udcff.")
    ran = await run(url, "export", tmp_path / NOT_UTF8)
    assert (ran.code, ran.output) == (0, "Exported 0 contacts.\n")
    assert (tmp_path / NOT_UTF8).exists()
    ran = await run(url, "export", tmp_path / NOT_UTF8)
    assert (ran.code, ran.sentence) == (
        1,
        f"There is a file {tmp_path}/l\\udce4n.csv already. Name another one, or overwrite it with --force.",
    )


def test_what_standard_output_has_no_bytes_for_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"ä {NOT_UTF8}")
    assert capsys.readouterr().out == "ä l\\udce4n.csv\n"
