"""The program `muster`: declares its commands, and turns every failure into one sentence."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from asyncpg.exceptions import InterfaceError, PostgresError
from tortoise.exceptions import DBConnectionError, OperationalError

from app.commands import accounts, tokens
from app.commands.clock import clock
from app.commands.demo import demo
from app.commands.doctor import doctor
from app.commands.exports import export_contacts
from app.commands.imports import import_contacts
from app.commands.migrate import migrate
from app.commands.reference import schema, settings
from app.commands.restored import restored
from app.commands.serve import serve
from app.commands.terminal import note, say
from app.commands.verify import verify
from models.errors import MusterError, Refused

FAILED = 1
DATABASE_FAILURES = (DBConnectionError, OperationalError, PostgresError, InterfaceError)

application = typer.Typer(
    help="Muster stores contacts, tags and groups, keeps the members of every group up to date, and serves all of it over GraphQL.",
    epilog="Settings are environment variables: see `muster settings`.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
account = typer.Typer(help="Create accounts.", no_args_is_help=True)
token = typer.Typer(help="Create access tokens.", no_args_is_help=True)

# In the order of the help.
for command in (serve, migrate, demo):
    application.command()(command)
application.command("import")(import_contacts)
application.command("export")(export_contacts)
for command in (verify, doctor, clock, restored, schema, settings):
    application.command()(command)
application.add_typer(account, name="account")
application.add_typer(token, name="token")
account.command("create")(accounts.create)
token.command("create")(tokens.create)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"muster {version('muster')}")
        raise typer.Exit


@application.callback()
def muster(
    _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Accept the options that stand before a command."""


def main() -> int:
    """Run the program, print a failure as one sentence, and return the exit code of a failure."""
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
