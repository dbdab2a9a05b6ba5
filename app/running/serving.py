"""Serves with uvicorn in one process or several: the port, the configuration, and the application of each process."""

import errno
import gc
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.composition import PRODUCT, Composition
from app.graphql.transport.uvicorn_protocols import HttpProtocol, WebSocketProtocol
from app.health.probes import ALIVE
from app.running.server import PATH, Server
from app.running.stopping import stop_in_two_steps, stop_without_supervisor
from app.running.watchdog import beating_in_thread
from app.settings import PREFIX, Settings, load_settings
from app.telemetry.logs import configure_logging
from models.errors import Unavailable

APPLICATION = "app.running.serving:application"
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # and the addresses at which such a server answers
BACKLOG = 2048
LOOK_AGAIN_SECONDS = 0.05
ANSWER_SECONDS = 1.0
SWITCH_SECONDS = 0.001  # after which a thread gives way to the event loop, which would otherwise wait for five times as long
STUCK_SECONDS = 60  # without a sign of life, after which a process is replaced. On a busy machine, starting takes long


class PortTaken(Unavailable):
    """Another program listens on the port."""


def claim_port(settings: Settings) -> socket.socket:
    """Bind a socket to the configured address. Raises `PortTaken` or `Unavailable`."""
    try:
        family, _, _, _, address = min(socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM))
    except socket.gaierror:
        raise Unavailable(f"There is no host {settings.host}. Check {PREFIX}HOST or --host.") from None
    claimed = socket.socket(family, socket.SOCK_STREAM)
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _limit_unacknowledged_time(claimed, settings.send_deadline_seconds)
    try:
        claimed.bind(address)
    except OSError as error:
        claimed.close()
        raise _cannot_listen(settings, error) from None
    return claimed


def _limit_unacknowledged_time(claimed: socket.socket, seconds: float) -> None:
    """Let the system end connections whose peer acknowledges nothing, so that a dead network does not hold descriptors."""
    if sys.platform == "linux":  # connections inherit it there
        claimed.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))


def _cannot_listen(settings: Settings, error: OSError) -> Unavailable:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(f"Port {settings.port} of {settings.host} is taken by another program. Choose another with --port.")
    return Unavailable(f"Cannot listen on port {settings.port} of {settings.host}: {error.strerror}. Check --host and --port.")


def url_at(claimed: socket.socket) -> str:
    """Return the URL of GraphQL on this machine."""
    host, port = _reachable(claimed)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def _reachable(claimed: socket.socket) -> tuple[str, int]:
    host, port = claimed.getsockname()[:2]
    return EVERYWHERE.get(host, host), port


def serve(settings: Settings, claimed: socket.socket, announce: Callable[[], None], application: str = APPLICATION) -> None:
    """Serve until a signal arrives. `announce` is called once the port answers, and each process calls the named `application`."""
    try:
        claimed.listen(BACKLOG)
    except OSError as error:
        raise _cannot_listen(settings, error) from None
    threading.Thread(target=_announce, args=(_reachable(claimed), announce), daemon=True).start()
    (_serve_in_several if settings.workers > 1 else _serve_in_one)(_configuration(settings, application), claimed)


def _configuration(settings: Settings, application: str) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        factory=True,
        interface="asgi3",
        lifespan="on",
        loop="uvloop",
        http=partial(HttpProtocol, patience=settings.send_deadline_seconds),  # type: ignore[arg-type]  # it is only called
        ws=WebSocketProtocol,
        ws_max_size=settings.websocket_max_message_bytes,
        ws_ping_interval=None,  # app.graphql pings, and closes connections that do not answer
        ws_per_message_deflate=False,  # doubles the memory of a connection and halves its speed
        workers=settings.workers,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_worker_healthcheck=STUCK_SECONDS,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[*settings.trusted_proxies],
        server_header=False,
        access_log=False,
        log_config=None,
    )


def _serve_in_one(configuration: uvicorn.Config, claimed: socket.socket) -> None:
    try:
        uvicorn.Server(configuration).run([claimed])
    except SystemExit as stopped:
        raise _failed_to_start() from stopped


def _serve_in_several(configuration: uvicorn.Config, claimed: socket.socket) -> None:
    supervisor = Multiprocess(configuration, [claimed])
    with beating_in_thread():  # the supervisor itself replaces workers that give no sign of life
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise _failed_to_start()


def _failed_to_start() -> Unavailable:
    return Unavailable("The server could not start. The log above says why.")


def _announce(address: tuple[str, int], announce: Callable[[], None]) -> None:
    while not _answers(address):
        time.sleep(LOOK_AGAIN_SECONDS)
    announce()


def _answers(address: tuple[str, int]) -> bool:
    connection = HTTPConnection(*address, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", ALIVE)
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def application() -> ASGIApp:
    """Create the application of one server process, with the settings in its environment."""
    return application_of(PRODUCT)


def application_of(composition: Composition) -> ASGIApp:
    """The same for another composition than the product."""
    settings = load_settings()
    configure_logging(settings)
    server = Server(settings, composition=composition)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # these objects stay: searching them for garbage would block the process for a tenth of a second

    async def serve_one(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            stop_in_two_steps(server, settings.drain_seconds)
            stop_without_supervisor()
        await server.application(scope, receive, send)

    return serve_one
