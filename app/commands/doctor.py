"""The command `muster doctor`."""

import asyncio

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from app.commands.terminal import note, output
from app.doctor.checkup import examine
from app.doctor.finding import Finding, Level, failed
from app.settings import SettingsError, load_settings

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
NEXT = "To compare every stored membership with its criteria, run `muster verify`."


def doctor() -> None:
    """Check the deployment and report its problems.

    Checks settings, database, schema, clock, bus, identity provider and port, and prints a remedy for each problem. The exit
    code is 1 if a check failed. Nothing is changed.
    """
    found = _examined()
    output().print(_listing(found))
    is_well = all(finding.level is not Level.FAIL for finding in found)
    note(NEXT if is_well else "Fix the failed checks, then run `muster doctor` again.")
    raise typer.Exit(0 if is_well else 1)


def _examined() -> list[Finding]:
    try:
        settings = load_settings()
    except SettingsError as error:
        return [failed("settings", error.message)]
    return asyncio.run(examine(settings))


def _listing(found: list[Finding]) -> Table:
    listing = Table("", "Checked", "Found")
    for finding in found:
        listing.add_row(Text(finding.level, COLOURS[finding.level]), finding.what, escape(finding.said))
    return listing
