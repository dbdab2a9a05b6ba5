"""The command `muster verify`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from app.commands.options import AccountName
from app.commands.runner import run
from app.commands.terminal import note, say
from app.provisioning.accounts import accounts_to_verify
from resolvers.maintenance.auditing import audit, repair
from resolvers.membership.rebuilding.verify import Discrepancy
from resolvers.operation.context import Services

Repair = Annotated[bool, typer.Option("--repair", help="Repair the differences by recording the missing joins and leaves.")]


@dataclass(frozen=True, slots=True)
class Report:
    """The differences that were found, one line each, and how many of them remain."""

    found: Sequence[str]
    left: int

    def __str__(self) -> str:
        if not self.found:
            return "Stored members, log and criteria agree in every group."
        return f"Found {len(self.found)} differences, of which {self.left or 'none'} are left."


def verify(account: AccountName = None, repair: Repair = False) -> None:
    """Compare stored members, log and criteria of every group.

    Each difference is printed. The exit code is 1 if differences are left. Differences appear only if something other than
    Muster has changed its tables.
    """
    report = run(lambda services: verify_accounts(services, account, heal=repair))
    for line in report.found:
        say(line)
    note(str(report))
    raise typer.Exit(1 if report.left else 0)


async def verify_accounts(services: Services, name: str | None, *, heal: bool) -> Report:
    """Verify the account with this name, or all accounts, and repair differences if `heal` is set."""
    found: list[str] = []
    left = 0
    for account in await accounts_to_verify(name):
        differences = await audit(services, account.id)
        found += [_line(account.name, difference) for difference in differences]
        left += len(await repair(services, account.id) if heal else differences)
    return Report(found, left)


def _line(account: str, found: Discrepancy) -> str:
    records = f": {', '.join(map(str, found.record_ids))}" if found.record_ids else ""
    return f"{account}, group {found.name!r} (number {found.group_id}): {found.finding}{records}"
