"""An account with contacts of every kind to export, and a directory for its files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.commands.exports import ExportOrder, export_file
from app.commands.imports import ImportOrder, import_file
from app.files.importing.plan import ImportOptions
from app.files.importing.run import Summary
from models import FieldType, Role, User
from models.engine.database import Database
from resolvers.access.accounts import account
from resolvers.operation.context import Context, Services
from resolvers.records.fields import create_custom_field
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.services import running_services

CHOICES = ["Red", "=1+1", "Blue; or green", 'So "called"', '"', "a|b"]
KINDS = {
    FieldType.TEXT: "plan",
    FieldType.LONG_TEXT: "email",  # a key that is also the name of a field that every contact has
    FieldType.NUMBER: "planName",
    FieldType.DATE: "plan_name",  # the same but for what people write differently
    FieldType.DATE_TIME: "seenAt",
    FieldType.CHECKBOX: "paid",
    FieldType.DROPDOWN: "color",
    FieldType.LIST: "tags",
}
OWNER = "owner@example.com"


@dataclass
class Exporting:
    """The services of a process, and a directory for files."""

    services: Services
    clock: DrivenClock
    directory: Path
    files: list[Path] = field(default_factory=list)

    async def new_account(self) -> Context:
        """An account with the custom fields and the user that contacts of the law refer to."""
        context = await new_account(self.services, timezone="Europe/Berlin")
        who: dict[str, Any] = {"name": "Owner", "email": OWNER, "email_folded": OWNER, "role": Role.EDITOR}
        await User.create(account_id=context.caller.account_id, created_at=self.clock(), updated_at=self.clock(), **who)
        for kind, key in KINDS.items():
            choices = CHOICES if kind in (FieldType.DROPDOWN, FieldType.LIST) else None
            await create_custom_field(context, key=key, label=f"Label {key}", type=kind, choices=choices)
        return context

    async def export(self, context: Context, suffix: str = ".csv", **options: Any) -> Path:
        """Export an account, or a part of it."""
        path = self.directory / f"people{suffix}"
        await export_file(self.services, ExportOrder(path, (await account(context)).name, force=True, **options))
        return path

    async def import_(self, context: Context, path: Path, **wishes: Any) -> Summary:
        """Import a file a minute later."""
        self.clock.pass_(minutes=1)
        summary = await import_file(self.services, ImportOrder(path, (await account(context)).name, ImportOptions(**wishes)))
        context.forget()
        return summary


@asynccontextmanager
async def exporting(database: Database, directory: Path) -> AsyncIterator[Exporting]:
    clock = DrivenClock()
    async with running_services(database, clock) as services:
        yield Exporting(services, clock, directory)
