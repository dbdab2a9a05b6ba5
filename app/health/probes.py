"""The addresses that orchestrators and load balancers ask."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.health.readiness import Readiness

READY, NOT_READY = 200, 503
FRESH = {"Cache-Control": "no-store"}


def probes(readiness: Readiness) -> list[BaseRoute]:
    """`/healthz` says that the process is alive, `/readyz` whether it should be sent requests, and if not, why."""

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n", headers=FRESH)

    async def ready(_request: Request) -> Response:
        verdict = await readiness.verdict()
        checks = {name: found or "ok" for name, found in verdict.checks.items()}
        status = READY if verdict.is_ready else NOT_READY
        return JSONResponse({"ready": verdict.is_ready, "checks": checks}, status, headers=FRESH)

    return [Route("/healthz", alive), Route("/readyz", ready)]
