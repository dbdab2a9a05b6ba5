"""The command `muster token create`."""

from typing import Annotated

import typer

from app.commands.options import AccountName
from app.commands.runner import run
from app.commands.terminal import note, say
from app.provisioning.accounts import as_user
from app.provisioning.tokens import create_token, user_with_email
from models import TokenScope
from resolvers.operation.context import Services

DEFAULT_NAME = "Command line"


def create(
    *,
    user: Annotated[str, typer.Option(metavar="EMAIL", help="E-mail address of the user that the token signs in as.")],
    account: AccountName = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the token in the list of tokens.")] = DEFAULT_NAME,
    expires: Annotated[str | None, typer.Option(metavar="DAY|30d", help="Last day on which it is valid, or a number of days.")] = None,
    scopes: Annotated[
        list[TokenScope],
        typer.Option("--scope", metavar="SCOPE", case_sensitive=False, help="What it allows: read, write or admin. May be repeated."),
    ] = [],  # noqa: B006
) -> None:
    """Create an access token.

    The last line of the output is the token. It is not shown again. Without --scope, the token allows everything that the
    user's role allows.
    """

    async def work(services: Services) -> str:
        return await create_token(as_user(services, await user_with_email(user, account)), name, expires=expires, scopes=scopes or None)

    print_token(run(work))


def print_token(secret: str) -> None:
    """Print an access token on standard output, alone on its line."""
    note("This is the access token. It cannot be shown again:")
    say(secret)
