"""An account of a test to import files into, and what there is to see in it afterwards."""

import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.commands.imports import ImportOrder, import_file
from app.files.importing.plan import ImportOptions
from app.files.importing.run import Summary
from models.engine.database import Database
from resolvers.access.accounts import account
from resolvers.operation.context import Context
from resolvers.records.contacts import custom_fields_of
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.services import running_services


@dataclass
class Importing:
    """An account to import into, and a directory for files."""

    context: Context
    clock: DrivenClock
    path: Path

    async def run(self, content: str | bytes, **wishes: Any) -> Summary:
        """Import a file of this content into the account, a minute after whatever was before."""
        self.clock.pass_(minutes=1)
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        name = (await account(self.context)).name
        return await import_file(self.context.services, ImportOrder(self.path, name, ImportOptions(**wishes)))

    async def contacts(self) -> dict[str | None, dict[str, Any]]:
        """Everything that is stored of the contacts, by e-mail address."""
        return {row["email"]: row for row in await self.context.scope.contacts.order_by("id").values()}

    async def tags(self) -> dict[str | None, set[str]]:
        """The names of each contact's tags, by e-mail address."""
        found: dict[str | None, set[str]] = {email: set() for email in await self.contacts()}
        for tagging in await self.context.scope.taggings.prefetch_related("contact", "tag"):
            found[tagging.contact.email].add(tagging.tag.name)
        return found

    async def custom(self, email: str) -> dict[str, Any]:
        """The custom fields of a contact as clients read them."""
        self.context.forget()
        return await custom_fields_of(self.context, await self.context.scope.contacts.get(email=email))

    def bad_rows(self, delimiter: str = ",") -> dict[int, str]:
        """Why rows are bad, by their line, in the file that says so."""
        written = self.path.with_name("people.errors.csv")
        if not written.exists():
            return {}
        with written.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return {int(row["error line"]): row["error reason"] for row in csv.DictReader(stream, delimiter=delimiter)}


@asynccontextmanager
async def importing(database: Database, directory: Path) -> AsyncIterator[Importing]:
    clock = DrivenClock()
    async with running_services(database, clock) as services:
        yield Importing(await new_account(services, timezone="Europe/Berlin"), clock, directory / "people.csv")
