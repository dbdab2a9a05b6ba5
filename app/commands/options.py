"""Options that several commands have."""

from typing import Annotated

import typer

AccountName = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Name of the account. Needed only if there are several accounts.")
]
