"""The import command: a file, an account, and what the user wishes, brought together."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.table import Table as Listing

from app.accounts import as_owner, chosen_account
from app.importing.fields import key_for, names_of, plain
from app.importing.plan import Plan, Wishes, plan_import
from app.importing.rows import RowMaker
from app.importing.run import Import, Summary
from app.importing.table import Table, open_table
from app.terminal import notes, progress
from models import FieldType
from models.errors import BadInput, Refused
from resolvers.context import Context, Services
from resolvers.fields import create_custom_field, custom_fields
from resolvers.rules import Problems
from resolvers.tag_refs import tag_name


@dataclass(frozen=True, slots=True)
class Order:
    """What to import, where to, and how."""

    path: Path
    account: str | None
    wishes: Wishes


async def import_file(services: Services, order: Order) -> Summary:
    """Import a CSV file of contacts, showing how its columns are understood and how far it is."""
    table = open_table(order.path)
    problems = Problems()
    for name in order.wishes.tags:
        problems.attempt(tag_name, name, "--tag")
    problems.raise_any()
    account = await chosen_account(order.account)
    context = await as_owner(services, account)
    plan = await _planned(context, table, order.wishes)
    notes().print(_listing(plan))
    with progress() as bar:
        task = bar.add_task(f"Importing {order.path.name}", total=table.size)
        importing = Import(context, table, RowMaker(plan, ZoneInfo(account.timezone)))
        return await importing.run(lambda read: bar.update(task, completed=read))


async def _planned(context: Context, table: Table, wishes: Wishes) -> Plan:
    custom = await custom_fields(context)
    plan = plan_import(table.columns, names_of(custom), wishes)
    if not (wishes.create_fields and plan.unmatched):
        return plan
    keys = {field.key for field in custom}
    for column in {plain(label): label for label in (table.columns[index] for index in reversed(plan.unmatched))}.values():
        key = key_for(column, keys)
        await _create_field(context, key, column)
        keys.add(key)
    return plan_import(table.columns, names_of(await custom_fields(context)), wishes)


async def _create_field(context: Context, key: str, column: str) -> None:
    try:
        await create_custom_field(context, key=key, label=column, type=FieldType.TEXT)
    except Refused as refused:
        raise BadInput(f"--create-fields: the column {column} cannot be a field. {refused.message}") from None


def _listing(plan: Plan) -> Listing:
    listing = Listing("Column", "Field")
    for index, column in enumerate(plan.columns):
        meaning = [plan.fields[index].name] if index in plan.fields else []
        meaning += ["tags"] if index == plan.tag_column else []
        listing.add_row(escape(column), " and ".join(meaning) or "(ignored)")
    return listing
