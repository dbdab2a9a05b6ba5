"""The program `muster`: reads the words of the command line, runs one command, and turns a failure into one sentence."""

import asyncio
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from asyncpg.exceptions import InterfaceError, PostgresError
from rich.markup import escape
from rich.table import Table
from tortoise.exceptions import DBConnectionError, OperationalError

from app.accounts import NewAccount, as_user, create_account, create_token, user_with_email
from app.commands.audits import verify_accounts
from app.commands.checkups import check_up
from app.commands.exports import Criteria, ExportedFile, ExportOrder, FormatName, GroupName, Overwrite, export_to
from app.commands.imports import ColumnWishes, CreateFields, ImportedFile, Order, TagColumn, TagWishes, import_file
from app.commands.restorations import begin_anew
from app.commands.servers import load_demo_visibly, serve_until_stopped
from app.demo.load import CONTACTS
from app.files.importing.plan import Wishes
from app.programs import configured, on_database, run
from app.settings import Settings, described
from app.terminal import note, output, say
from models import TokenScope
from models.engine.database import open_database, sqlite_path
from models.engine.migrate import migrate as apply_migrations
from models.errors import MusterError, Refused
from resolvers.operation.context import Services
from schema import build_schema

FAILED = 1
NAMELESS = "Command line"
DATABASE_FAILURES = (DBConnectionError, OperationalError, PostgresError, InterfaceError)

application = typer.Typer(
    help="Muster keeps contacts, tags and groups that stay true by themselves, and serves them live over GraphQL.",
    epilog="Settings come from the environment: see `muster settings`.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
accounts = typer.Typer(help="Make accounts.", no_args_is_help=True)
tokens = typer.Typer(help="Hand out access tokens.", no_args_is_help=True)
application.add_typer(accounts, name="account")
application.add_typer(tokens, name="token")

AccountName = Annotated[str | None, typer.Option("--account", metavar="NAME", help="The account, where there is more than one.")]
DemoSize = Annotated[int, typer.Option("--contacts", metavar="N", min=1, max=1_000_000, help="How many contacts to make up.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"muster {version('muster')}")
        raise typer.Exit


@application.callback()
def muster(
    _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Take the options that stand before a command."""


@application.command()
def serve(
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Port to listen on; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Server processes; more than one needs PostgreSQL.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo if there is no account yet, and show a token for it.")] = False,
) -> None:
    """Serve GraphQL until Ctrl-C.

    HTTP requests, WebSockets and event streams are answered at the same address, /graphql.
    """
    serve_until_stopped(on_database(configured(host=host, port=port, workers=workers)), demo=demo)


@application.command()
def migrate() -> None:
    """Bring the database up to date.

    A database without tables gets them, an older one is brought to the schema of this program, and a SQLite file
    is made where there is none.
    """
    settings = configured()
    if settings.database_url.startswith("sqlite:"):
        sqlite_path(settings.database_url).parent.mkdir(parents=True, exist_ok=True)
    applied = asyncio.run(_migrate(settings))
    note(f"Applied {', '.join(applied)}." if applied else "The database is current.")


async def _migrate(settings: Settings) -> list[str]:
    async with open_database(settings.database_url) as database:
        return await apply_migrations(database)


@application.command()
def demo(contacts: DemoSize = CONTACTS) -> None:
    """Make an account full of invented data.

    It is named Demo and has contacts with tags, appointments, and groups to watch.
    """
    run(lambda services: load_demo_visibly(services, contacts))
    note("The account Demo is there. For a token: muster token create --user demo@example.com")


@accounts.command("create")
def create_account_and_owner(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")],
    owner_email: Annotated[str, typer.Option(metavar="EMAIL", help="E-mail address of its first user, who may do everything.")],
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Time zone in which its days begin, such as Europe/Berlin.")] = "UTC",
) -> None:
    """Make an account with its owner.

    The last line of the output is an access token for the owner, which is not shown again.
    """

    async def work(services: Services) -> str:
        owner = await create_account(services, NewAccount(name, owner_email, timezone))
        return await create_token(owner, NAMELESS)

    _print_token(run(work))


@tokens.command("create")
def create_token_for_user(
    *,
    user: Annotated[str, typer.Option(metavar="EMAIL", help="E-mail address of the user whom the token signs in.")],
    account: AccountName = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the token is called in the list of tokens.")] = NAMELESS,
    expires: Annotated[str | None, typer.Option(metavar="DAY|30d", help="Last day on which it is valid, or for how many days.")] = None,
    scopes: Annotated[
        list[TokenScope],
        typer.Option("--scope", metavar="SCOPE", case_sensitive=False, help="What it is for: read, write or admin. May be repeated."),
    ] = [],  # noqa: B006
) -> None:
    """Hand out an access token.

    It is the last line of the output, and is not shown again. Without --scope it is for all that the user's role allows.
    """

    async def work(services: Services) -> str:
        return await create_token(as_user(services, await user_with_email(user, account)), name, expires=expires, scopes=scopes or None)

    _print_token(run(work))


def _print_token(secret: str) -> None:
    note("This is the access token. It cannot be shown again:")
    say(secret)


@application.command("import")
def import_contacts(
    file: ImportedFile,
    *,
    account: AccountName = None,
    columns: ColumnWishes = [],  # noqa: B006
    tags: TagWishes = [],  # noqa: B006
    tag_column: TagColumn = None,
    create_fields: CreateFields = False,
) -> None:
    """Import contacts.

    Columns find their fields by name. A row whose e-mail address is known updates that contact, and empty cells change
    nothing. Bad rows go to FILE.errors.csv with the reason, while the good ones are imported.
    """
    order = Order(file, account, Wishes(columns, tags, tag_column, create_fields))
    say(str(run(lambda services: import_file(services, order))))


@application.command("export")
def export_contacts(
    file: ExportedFile,
    *,
    account: AccountName = None,
    group: GroupName = None,
    where: Criteria = None,
    format: FormatName = None,
    force: Overwrite = False,
) -> None:
    """Export contacts.

    All contacts of the account are written to the file, or those of a group, or those for which criteria hold. `muster
    import` reads the file again, and nothing changes.
    """
    export_to(ExportOrder(file, account, group, where, format, force), run)


@application.command()
def verify(
    account: AccountName = None,
    repair: Annotated[bool, typer.Option("--repair", help="Heal what is found, with proper joins and leaves.")] = False,
) -> None:
    """Compare stored members, log and criteria of every group.

    Each difference is printed, and the exit code is 1 if any is left. There is none unless something outside Muster
    has changed its tables.
    """
    verdict = run(lambda services: verify_accounts(services, account, heal=repair))
    for line in verdict.found:
        say(line)
    note(str(verdict))
    raise typer.Exit(FAILED if verdict.left else 0)


@application.command()
def doctor() -> None:
    """Look over the deployment and say what is wrong with it.

    Settings, database, schema, clock, bus, identity provider and port are looked at, and what is not as it should be is
    told with its remedy. The exit code is 1 if anything failed. Nothing is changed.
    """
    raise typer.Exit(0 if check_up() else FAILED)


@application.command()
def restored() -> None:
    """Say that the database was restored from a backup.

    Every group begins a new epoch: clients that have seen what the backup has not are told to read anew, instead of
    going on from a place that no longer exists. Every account gets a new mark: ids in files that were exported before
    count no more, for they may be given again. Run it before the servers start again, and in a copy of a database, too.
    """
    note(f"{run(begin_anew)} groups began a new epoch.")


@application.command()
def schema() -> None:
    """Print the GraphQL schema."""
    say(build_schema().as_str())


@application.command()
def settings() -> None:
    """List what can be set, and what it means.

    Each variable is read from the environment, or else from the file .env in the working directory.
    """
    listing = Table("Variable", "Default", "Meaning")
    for variable, default, meaning in described():
        listing.add_row(variable, escape(default), escape(meaning))
    output().print(listing)


def main() -> int:
    """Run the program; returns the exit code of a failure, after saying what it was."""
    try:
        application()
    except Refused as refused:
        note(" ".join(": ".join((*problem.path[-1:], problem.message)) for problem in refused.problems))
    except MusterError as error:
        note(error.message)
    except DATABASE_FAILURES as error:
        note(f"The database failed: {' '.join(str(error).split())}")
    except OSError as error:
        note(f"{error.filename or 'The system'}: {error.strerror or error}")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
