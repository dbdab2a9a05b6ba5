"""The command `muster export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app.commands.options import AccountName
from app.commands.runner import run
from app.commands.terminal import note, progress, say
from app.files.exporting.destination import STANDARD_OUTPUT, destination, format_of
from app.files.exporting.formats import WRITERS, Columns, Format
from app.provisioning.accounts import as_owner, chosen_account
from models import Account, Group
from models.errors import BadInput
from models.ids import number_of, to_global_id
from models.text import fold, storable
from resolvers.operation.context import Context, Services
from resolvers.records.exports import Source, contacts_matching, exported, members_of
from resolvers.records.fields import custom_fields

ExportedFile = Annotated[Path, typer.Argument(metavar="FILE", help="File to write, .csv or .jsonl, or - for standard output.")]
GroupName = Annotated[str | None, typer.Option("--group", metavar="NAME", help="Export only members of this group, by name or id.")]
Criteria = Annotated[str | None, typer.Option("--where", metavar="JSON", help="Export only contacts that match these criteria.")]
FormatName = Annotated[Format | None, typer.Option("--format", help="Format of the file, if its name does not show it.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")]


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """Which contacts to export, and to which file."""

    path: Path
    account: str | None = None
    group: str | None = None
    where: str | None = None
    format: Format | None = None
    force: bool = False


def export_contacts(
    file: ExportedFile,
    *,
    account: AccountName = None,
    group: GroupName = None,
    where: Criteria = None,
    format: FormatName = None,
    force: Overwrite = False,
) -> None:
    """Export contacts to a file.

    Writes all contacts of the account, the members of a group, or the contacts that match criteria. `muster import` can read
    the file again.
    """
    order = ExportOrder(file, account, group, where, format, force)
    summary = run(lambda services: export_file(services, order))
    if order.path == STANDARD_OUTPUT:
        note(summary)
    else:
        say(summary)


async def export_file(services: Services, order: ExportOrder) -> str:
    """Write contacts to a file with a progress bar, and return a sentence with their number."""
    format = format_of(order.path, order.format)
    account = await chosen_account(order.account)
    context = await as_owner(services, account)
    source = await _source(context, order)
    with destination(order.path, overwrite=order.force) as stream, progress() as bar:
        custom = await custom_fields(context)
        writer = WRITERS[format](await _columns(context, account, [field.key for field in custom]))
        stream.write(writer.head())
        task, count = bar.add_task(f"Exporting to {order.path.name}", total=await source.total()), 0
        async for part in exported(context, source, custom):
            stream.write(writer.part(part))
            count += len(part)
            bar.update(task, completed=count)
    return f"Exported {count:,} {'contact' if count == 1 else 'contacts'}."


async def _columns(context: Context, account: Account, custom: list[str]) -> Columns:
    return Columns(account.mark, custom, {user.id: user.email for user in await context.scope.users.all()})


async def _source(context: Context, order: ExportOrder) -> Source:
    if order.group is not None and order.where is not None:
        raise BadInput("Give --group or --where, not both.")
    if order.group is not None:
        return members_of(context, await _group(context, order.group))
    return await contacts_matching(context, None if order.where is None else _criteria(order.where))


async def _group(context: Context, name: str) -> Group:
    """Find the group with this name or id."""
    found = await context.scope.groups.filter(name_folded=fold(name)).order_by("id") if storable(name) else []
    found = found or await context.scope.groups.filter(id=number_of(name, "Group") or 0)
    if not found:
        raise BadInput(f"There is no group named {name}.")
    if len(found) > 1:
        ids = ", ".join(to_global_id("Group", group.id) for group in found)
        raise BadInput(f"There are {len(found)} groups named {name}. Give --group the id of the one you mean: {ids}.")
    return found[0]


def _criteria(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"--where is not JSON: {error.msg} at character {error.pos + 1}.") from None
    if not isinstance(found, dict):
        raise BadInput('--where takes an object, such as {"country": {"equals": ["Canada"]}}.')
    return found
