"""A program that is the product with deals: `python -m tests.deals.serve` serves it with the settings of the environment."""

from contextlib import closing, suppress

from starlette.types import ASGIApp

from app.commands.runner import configured
from app.commands.terminal import say
from app.running.serving import application_of, claim_port, serve, url_at
from tests.deals.composition import PRODUCT_WITH_DEALS


def application() -> ASGIApp:
    """The application of one server process."""
    return application_of(PRODUCT_WITH_DEALS)


def main() -> None:
    """Serve until a signal arrives."""
    settings = configured()
    with suppress(KeyboardInterrupt), closing(claim_port(settings)) as port:
        serve(settings, port, lambda: say(f"Deals at {url_at(port)}"), "tests.deals.serve:application")


if __name__ == "__main__":
    main()
