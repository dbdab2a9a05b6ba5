"""The addresses that orchestrators and load balancers ask."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.health.readiness import Readiness

ALIVE, READY = PROBES = ("/healthz", "/readyz")
FIT, UNFIT = 200, 503
FRESH = {"Cache-Control": "no-store"}


def probes(readiness: Readiness) -> list[BaseRoute]:
    """`/healthz` says that the process is alive, `/readyz` whether it should be sent requests, and if not, why."""

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n", headers=FRESH)

    async def ready(_request: Request) -> Response:
        verdict = await readiness.verdict()
        checks = {name: found or "ok" for name, found in verdict.checks.items()}
        status = FIT if verdict.is_ready else UNFIT
        return JSONResponse({"ready": verdict.is_ready, "checks": checks}, status, headers=FRESH)

    return [Route(ALIVE, alive), Route(READY, ready)]
