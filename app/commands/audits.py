"""Verifying accounts from the command line."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.accounts import accounts_to_verify
from resolvers.maintenance.auditing import audit, repair
from resolvers.membership.rebuilding.verify import Difference
from resolvers.operation.context import Services


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was wrong, a line for each difference, and how many differences are left."""

    found: Sequence[str]
    left: int

    def __str__(self) -> str:
        if not self.found:
            return "Stored members, log and criteria agree in every group."
        return f"Found {len(self.found)} differences, of which {self.left or 'none'} are left."


async def verify_accounts(services: Services, name: str | None, *, heal: bool) -> Verdict:
    """Audit the account with this name, or all of them, and heal what is found if asked to."""
    found: list[str] = []
    left = 0
    for account in await accounts_to_verify(name):
        differences = await audit(services, account.id)
        found += [_line(account.name, difference) for difference in differences]
        left += len(await repair(services, account.id) if heal else differences)
    return Verdict(found, left)


def _line(account: str, found: Difference) -> str:
    records = f": {', '.join(map(str, found.record_ids))}" if found.record_ids else ""
    return f"{account}, group {found.name!r} (number {found.group_id}): {found.finding}{records}"
