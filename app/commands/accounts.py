"""The command `muster account create`."""

from typing import Annotated

import typer

from app.commands.runner import run
from app.commands.tokens import DEFAULT_NAME, print_token
from app.provisioning.accounts import NewAccount, create_account
from app.provisioning.tokens import create_token
from resolvers.operation.context import Services


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the account.")],
    owner_email: Annotated[str, typer.Option(metavar="EMAIL", help="E-mail address of the first user, who gets the role OWNER.")],
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Time zone of the account, such as Europe/Berlin.")] = "UTC",
) -> None:
    """Create an account and its owner.

    The last line of the output is an access token for the owner. It is not shown again.
    """
    new = NewAccount(name, owner_email, timezone)
    print_token(run(lambda services: _create(services, new)))


async def _create(services: Services, new: NewAccount) -> str:
    return await create_token(await create_account(services, new), DEFAULT_NAME)
