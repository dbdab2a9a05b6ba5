"""The middleware around the routes: cross-origin requests and compression."""

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Receive, Scope, Send

from app.graphql.transport.accept import prefers_gzip
from app.settings import Settings
from app.telemetry.requests import REQUEST_ID

REMEMBERED_SECONDS = 7_200  # for which browsers may cache the answer to a preflight request. Their own limits are two hours or a day
COMPRESSED_FROM = 4_096  # bytes. Smaller answers fit into a few packets anyway
LEVEL = 3  # the result is a fifth larger than at the best level, in a fraction of the time


def middleware(settings: Settings) -> list[Middleware]:
    """Return the middleware from the outside in."""
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
    """Compresses large answers for clients that accept it, except for event streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        layer = self._app if scope["type"] != "http" else self._responder(Headers(scope=scope))
        await layer(scope, receive, send)

    def _responder(self, headers: Headers) -> ASGIApp:
        if prefers_gzip(",".join(headers.getlist("Accept-Encoding"))):
            return GZipResponder(self._app, COMPRESSED_FROM, LEVEL)
        return IdentityResponder(self._app, COMPRESSED_FROM)  # adds the Vary header
