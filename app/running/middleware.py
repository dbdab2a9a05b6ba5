"""What stands between the server and its routes: answers for pages of other origins, and compression."""

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Receive, Scope, Send

from app.graphql.transport.accept import prefers_gzip
from app.settings import Settings
from app.telemetry.requests import REQUEST_ID

REMEMBERED_SECONDS = 7_200  # for which browsers keep what they may send; none keeps it for longer than that or a day
COMPRESSED_FROM = 4_096  # bytes; less fits into a few packets anyway
LEVEL = 3  # a fifth larger than the best, in a fraction of its time


def middleware(settings: Settings) -> list[Middleware]:
    """The layers around the routes, from the outside in."""
    compression = Middleware(Compression)
    return [_origins(settings), compression] if settings.allowed_origins else [compression]


def _origins(settings: Settings) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=("GET", "POST") if settings.allow_get_queries else ("POST",),
        allow_headers=("Authorization", "Content-Type", REQUEST_ID),
        expose_headers=("Retry-After", REQUEST_ID),
        max_age=REMEMBERED_SECONDS,
    )


class Compression:
    """Compresses large answers for clients that like it no less; streams of events are left alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        layer = self._app if scope["type"] != "http" else self._responder(Headers(scope=scope))
        await layer(scope, receive, send)

    def _responder(self, headers: Headers) -> ASGIApp:
        if prefers_gzip(",".join(headers.getlist("Accept-Encoding"))):
            return GZipResponder(self._app, COMPRESSED_FROM, LEVEL)
        return IdentityResponder(self._app, COMPRESSED_FROM)  # says that others may be given something else
