"""The commands `muster schema` and `muster settings`, which print what there is."""

from rich.markup import escape
from rich.table import Table

from app.commands.terminal import output, say
from app.composition import PRODUCT
from app.settings import described


def schema() -> None:
    """Print the GraphQL schema."""
    say(PRODUCT.schema().as_str())


def settings() -> None:
    """List all settings with their defaults and meanings.

    Each setting is an environment variable. If it is not set, its value is read from the file .env in the working directory.
    """
    listing = Table("Variable", "Default", "Meaning")
    for variable, default, meaning in described():
        listing.add_row(variable, escape(default), escape(meaning))
    output().print(listing)
