"""The endpoints for orchestrators and load balancers."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.health.readiness import Readiness

ALIVE, READY = PROBES = ("/healthz", "/readyz")
IS_READY, NOT_READY = 200, 503
FRESH = {"Cache-Control": "no-store"}


def probes(readiness: Readiness) -> list[BaseRoute]:
    """Return the routes of `/healthz`, which says that the process is alive, and `/readyz`, which says whether to send it requests."""

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n", headers=FRESH)

    async def ready(_request: Request) -> Response:
        verdict = await readiness.verdict()
        checks = {name: found or "ok" for name, found in verdict.checks.items()}
        status = IS_READY if verdict.is_ready else NOT_READY
        return JSONResponse({"ready": verdict.is_ready, "checks": checks}, status, headers=FRESH)

    return [Route(ALIVE, alive), Route(READY, ready)]
