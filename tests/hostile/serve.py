"""The product with a watched event loop: `python -m tests.hostile.serve` serves it and writes stalls to the file STALLS."""

import os
from contextlib import closing, suppress
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from app.commands.runner import configured
from app.commands.terminal import say
from app.composition import PRODUCT
from app.running.serving import application_of, claim_port, serve, url_at
from tests.hostile.watcher import LoopWatcher


def application() -> ASGIApp:
    """The application of one server process."""
    product = application_of(PRODUCT)

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            LoopWatcher(Path(os.environ["STALLS"])).start()
        await product(scope, receive, send)

    return watched


def main() -> None:
    """Serve until a signal arrives."""
    settings = configured()
    with suppress(KeyboardInterrupt), closing(claim_port(settings)) as port:
        serve(settings, port, lambda: say(f"Watched at {url_at(port)}"), "tests.hostile.serve:application")


if __name__ == "__main__":
    main()
