"""What the tests stand on: ports that nobody else gets, and programs that heed signals though the tests ignore them."""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from tests.support.ports import HERE, reserved_port
from tests.support.processes import DEADLINE, environment
from tests.support.programs import start

PARENT = """
import signal, subprocess, sys
from tests.support.signals import OF_USERS, catch_ignored_signals
for number in OF_USERS:
    signal.signal(number, signal.SIG_IGN)
if sys.argv[2:]:
    catch_ignored_signals()
signal.raise_signal(signal.SIGINT)
print(subprocess.run([sys.executable, "-c", sys.argv[1]], capture_output=True, text=True, check=True).stdout)
"""
CHILD = "import signal; print([signal.getsignal(number) is signal.SIG_IGN for number in (2, 3, 1, 15)])"


@pytest.mark.parametrize(("caught", "ignored"), [(["caught"], [False] * 4), ([], [True] * 4)])
def test_programs_heed_signals_that_the_tests_were_started_to_ignore(caught: list[str], ignored: list[bool]) -> None:
    ran = subprocess.run([sys.executable, "-c", PARENT, CHILD, *caught], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(ignored)


def test_a_reserved_port_refuses_clients_until_a_server_of_the_test_listens_there() -> None:
    with reserved_port() as port:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HERE, port))
        for _ in range(2):  # and again, as a server does that is restarted
            with socket.create_server((HERE, port)), socket.create_connection((HERE, port)):
                pass


@pytest.mark.skipif(sys.platform != "linux", reason="a port can be held beside its server only there")
def test_reserved_ports_are_given_to_nobody_else() -> None:
    with reserved_port(following=2) as first:
        for port in (first, first + 1, first + 2):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind((HERE, port))


def test_programs_listen_at_no_fixed_port_unless_a_test_names_one() -> None:
    assert environment("sqlite:///muster.db")["MUSTER_PORT"] == "0"
    assert environment("sqlite:///muster.db", port="1")["MUSTER_PORT"] == "1"


async def test_a_program_that_is_started_does_what_it_does_on_the_command_line(tmp_path: Path) -> None:
    settings = environment(f"sqlite:///{tmp_path}/none.db")
    plain = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "bogus"),
        env=settings,
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    program = await start("bogus", environment=settings, directory=tmp_path)
    expected = await plain.communicate()  # at the pace of the machine: a program that is not copied takes long to start
    async with asyncio.timeout(DEADLINE):
        assert await program.communicate() == expected
    assert program.returncode == plain.returncode == 2


async def test_a_program_that_a_signal_ends_is_reported_by_the_signal(tmp_path: Path) -> None:
    program = await start("migrate", environment=environment(f"sqlite:///{tmp_path}/new.db"))
    program.kill()
    async with asyncio.timeout(DEADLINE):
        assert await program.wait() in (-signal.SIGKILL, 0)
        assert program.returncode == await program.wait()
    program.kill()  # and nothing more


async def test_the_env_file_of_a_developer_reaches_no_test_and_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("MUSTER_PAGE_SIZE_MAX=none")
    monkeypatch.chdir(tmp_path)
    assert Settings().page_size_max > 0
    url, codes = f"sqlite:///{tmp_path}/new.db", []
    for directory in (None, tmp_path):
        program = await start("migrate", environment=environment(url), directory=directory)
        async with asyncio.timeout(DEADLINE):
            codes.append(await program.wait())
    assert codes == [0, 1]
