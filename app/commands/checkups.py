"""The doctor's command: a table of what was found, and whether anything failed."""

import asyncio

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from app.doctor.checkup import examine
from app.doctor.finding import Finding, Level, wrong
from app.settings import SettingsError, load_settings
from app.terminal import note, output

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
NEXT = "To compare every stored membership with its criteria, run `muster verify`."


def check_up() -> bool:
    """Print what the doctor finds; returns whether nothing failed."""
    try:
        settings = load_settings()
    except SettingsError as error:
        found = [wrong("settings", error.message)]
    else:
        found = asyncio.run(examine(settings))
    output().print(_listing(found))
    is_well = all(finding.level is not Level.FAIL for finding in found)
    note(NEXT if is_well else "Mend what failed, and look again.")
    return is_well


def _listing(found: list[Finding]) -> Table:
    listing = Table("", "Checked", "Found")
    for finding in found:
        listing.add_row(Text(finding.level, COLOURS[finding.level]), finding.what, escape(finding.said))
    return listing
