"""What stands between the server and its routes: answers for pages of other origins, and compression."""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from app.settings import Settings
from app.telemetry.requests import REQUEST_ID

REMEMBERED_SECONDS = 7_200  # for which browsers keep what they may send; none keeps it for longer than that or a day
COMPRESSED_FROM = 4_096  # bytes; less fits into a few packets anyway
LEVEL = 3  # a fifth larger than the best, in a fraction of its time


def middleware(settings: Settings) -> list[Middleware]:
    """The layers around the routes, from the outside in."""
    compression = Middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=LEVEL)  # streams of events are left alone
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
