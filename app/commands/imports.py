"""The command `muster import`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table as Listing

from app.commands.options import AccountName
from app.commands.runner import run
from app.commands.terminal import note, notes, progress, say
from app.files.exchange import ID, MARK, TAGS
from app.files.importing.fields import names_of
from app.files.importing.new_fields import NewField, new_fields
from app.files.importing.opening import open_table
from app.files.importing.plan import ImportOptions, Plan, plan_import
from app.files.importing.rows import RowMaker, TargetAccount
from app.files.importing.run import Import, Summary
from app.files.importing.table import Table
from app.provisioning.accounts import as_owner, chosen_account
from models import Account, FieldType
from models.errors import Conflict, Refused
from resolvers.operation.context import Context, Services
from resolvers.records.fields import create_custom_field, custom_fields
from resolvers.tagging.references import tag_name
from resolvers.values.validation import Problems

ImportedFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV file in UTF-8 whose first line names its columns, or .jsonl with an object per line.")
]
ColumnOption = Annotated[
    list[str], typer.Option("--map", metavar="COLUMN=FIELD", help="Import a column into this field, or - to skip it. May be repeated.")
]
TagOption = Annotated[list[str], typer.Option("--tag", metavar="NAME", help="Add this tag to every contact. May be repeated.")]
TagColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column that holds tags, separated by ; or |.")]
CreateFields = Annotated[bool, typer.Option("--create-fields", help="Create a custom field for each column that matches no field.")]


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Which file to import, into which account, and with which options."""

    path: Path
    account: str | None
    options: ImportOptions


def import_contacts(
    file: ImportedFile,
    *,
    account: AccountName = None,
    columns: ColumnOption = [],  # noqa: B006
    tags: TagOption = [],  # noqa: B006
    tag_column: TagColumn = None,
    create_fields: CreateFields = False,
) -> None:
    """Import contacts from a file.

    Columns are matched to fields by name. A row whose e-mail address belongs to a contact updates that contact, and empty cells
    change nothing. Bad rows are written to FILE.errors.csv with the reason, and all other rows are imported.
    """
    order = ImportOrder(file, account, ImportOptions(columns, tags, tag_column, create_fields))
    say(str(run(lambda services: import_file(services, order))))


async def import_file(services: Services, order: ImportOrder) -> Summary:
    """Import a file of contacts, showing the fields of its columns and a progress bar."""
    table = open_table(order.path)
    problems = Problems()
    for name in order.options.tags:
        problems.attempt(tag_name, name, "--tag")
    problems.raise_any()
    account = await chosen_account(order.account)
    context = await as_owner(services, account)
    plan = await _planned(context, table, order.options)
    notes().print(_listing(plan))
    maker = RowMaker.of(plan, await _target(context, account), is_typed=table.is_typed)
    importing = Import(context, table, maker)
    with reporting_early_end(importing.summary), progress() as bar:
        task = bar.add_task(f"Importing {order.path.name}", total=table.size)
        return await importing.run(lambda read: bar.update(task, completed=read))


@contextmanager
def reporting_early_end(summary: Summary) -> Iterator[None]:
    """Print what was imported, and how to continue, if the import ends early."""
    try:
        yield
    except Conflict as conflict:
        if not summary.rows:
            raise
        raise Conflict(f"The database was busy with other writes for too long. {summary.so_far()}") from conflict
    except BaseException:
        if summary.rows:
            note(summary.so_far())
        raise


async def _target(context: Context, account: Account) -> TargetAccount:
    users = await context.scope.users.all()
    return TargetAccount(ZoneInfo(account.timezone), account.mark, {user.email_folded: user.id for user in users})


async def _planned(context: Context, table: Table, options: ImportOptions) -> Plan:
    custom = await custom_fields(context)
    plan = plan_import(table.columns, names_of(custom), options)
    if not (options.create_fields and plan.unmatched):
        return plan
    for field in new_fields(plan, custom):
        await _create_field(context, field)
    return plan_import(table.columns, names_of(await custom_fields(context)), options)


async def _create_field(context: Context, field: NewField) -> None:
    try:
        await create_custom_field(context, key=field.key, label=field.label, type=FieldType.TEXT)
    except Refused as refused:  # somebody else created it meanwhile
        raise field.refused(refused.message) from None


def _listing(plan: Plan) -> Listing:
    listing = Listing("Column", "Field")
    special = {plan.id_column: ID, plan.mark_column: MARK, plan.tag_column: TAGS}
    for index, column in enumerate(plan.columns):
        meaning = [plan.fields[index].name] if index in plan.fields else []
        meaning += [special[index]] if index in special else []
        listing.add_row(escape(column), " and ".join(meaning) or "(ignored)")
    return listing
