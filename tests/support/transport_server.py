"""A small schema behind the real transport on a real port: what the transport's tests talk to."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import partial
from typing import Self

import httpx
import orjson
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from strawberry import scalars
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from app.graphql import GraphQLApp
from app.graphql.transport.accept import GRAPHQL_JSON, JSON
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.uvicorn_protocols import HttpProtocol, WebSocketProtocol
from models import Role
from models.errors import BadInput, Forbidden, NotFound, Unauthenticated
from resolvers.access.sign_in import Lapse
from resolvers.operation.allowance import Allowance
from resolvers.operation.answer_bytes import AnswerBytes
from resolvers.operation.context import Caller
from schema.documents import DocumentCheck
from schema.errors import MusterSchema
from schema.fields import field
from schema.limits import DocumentLimits
from subscriptions.messages import Shareable
from tests.support.http_client import web_client

DEADLINE = 10.0
PROTOCOL = Subprotocol("graphql-transport-ws")
ADA = "Bearer ada"
BOB = "Bearer bob"


@dataclass(frozen=True)
class Tick(Shareable):
    """An event that is the same to all."""

    number: int


class Probe:
    """What the server has done, and what it waits for."""

    def __init__(self) -> None:
        self.streams: Counter[str] = Counter()
        self.sent = 0
        self.executed: Counter[int] = Counter()
        self.ticks = 0
        self.faults: dict[int, Exception] = {}  # by the number of the event whose answer each spoils, once
        self.allowance: Allowance | None = None
        self.may_execute = asyncio.Event()
        self.may_execute.set()
        self._changed = asyncio.Event()

    def note(self, name: str, change: int) -> None:
        self.streams[name] += change
        self._changed.set()

    def tick(self) -> None:
        """Let one more event happen."""
        self.ticks += 1
        self._changed.set()

    async def ticked(self, number: int) -> None:
        """Wait until so many events have happened."""
        while self.ticks < number:
            self._changed.clear()
            await self._changed.wait()

    async def until(self, name: str, count: int) -> None:
        """Wait until so many streams of that name run."""
        async with asyncio.timeout(DEADLINE):
            while self.streams[name] != count:
                self._changed.clear()
                await self._changed.wait()


@dataclass
class Context:
    token_id: int
    serial: int
    probe: Probe
    answer: AnswerBytes = attribute(default_factory=AnswerBytes)

    @property
    def caller(self) -> Caller:
        return Caller(1, self.token_id, Role.VIEWER, self.token_id)

    @property
    def allowance(self) -> Allowance | None:
        return self.probe.allowance

    def forget(self) -> None:
        """Nothing is remembered."""

    def stop_reading(self) -> None:
        """Nothing is read from a database."""


Info = strawberry.Info[Context, None]


@strawberry.type
class Item:
    name: str = "item"

    @strawberry.field
    def item(self) -> "Item":
        return Item()


@strawberry.input
class Tree:
    below: "Tree | None" = None


@strawberry.type
class Ticked:
    number: int

    @strawberry.field
    async def caller(self, info: Info) -> int:
        await info.context.probe.may_execute.wait()
        return info.context.token_id

    @strawberry.field
    @staticmethod
    async def times(tick: strawberry.Parent[Tick], info: Info, factor: int) -> int:
        await info.context.probe.may_execute.wait()
        info.context.probe.executed[tick.number] += 1
        return tick.number * factor

    @strawberry.field
    @staticmethod
    async def frail(tick: strawberry.Parent[Tick], info: Info) -> int | None:
        if fault := info.context.probe.faults.pop(tick.number, None):
            raise fault
        return tick.number

    @classmethod
    def is_type_of(cls, event: object, _info: object) -> bool:
        return isinstance(event, Tick)


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"

    @strawberry.field
    def serial(self, info: Info) -> int:
        return info.context.serial

    @strawberry.field
    async def held(self, info: Info) -> str:
        """An answer that the test lets be given."""
        info.context.probe.note("held", 1)
        try:
            await info.context.probe.may_execute.wait()
        finally:
            info.context.probe.note("held", -1)
        return "let go"

    @strawberry.field
    def double(self, number: int) -> int:
        return number * 2

    @strawberry.field
    def echo(self, value: scalars.JSON) -> scalars.JSON:
        return value

    @strawberry.field
    def grow(self, tree: Tree) -> bool:
        return True

    @strawberry.field
    def item(self) -> Item:
        return Item()

    @strawberry.field
    def fail(self, kind: str) -> str | None:
        raise {"input": BadInput("Write it so."), "missing": NotFound("No such tag."), "role": Forbidden("Ask an admin.")}.get(
            kind, ZeroDivisionError("dsn=secret")
        )

    @strawberry.field
    def too_large(self) -> int | None:
        return 2**40


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, info: Info) -> str:
        info.context.probe.note("renamed", 1)
        return "renamed"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def wait(self, info: Info, name: str = "wait") -> AsyncGenerator[int, None]:
        """One event, then silence for good."""
        probe = info.context.probe
        probe.note(name, 1)
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            probe.note(name, -1)

    @strawberry.subscription
    async def flood(self, info: Info) -> AsyncGenerator[str, None]:
        probe = info.context.probe
        probe.note("flood", 1)
        try:
            while True:
                probe.sent += 2**16
                yield "x" * 2**16
        finally:
            probe.note("flood", -1)

    @strawberry.subscription
    async def large(self, size: int) -> AsyncGenerator[str, None]:
        yield "small"
        yield "x" * size

    @field(Ticked, subscription=True)
    @staticmethod
    async def ticks(info: Info, start: int = 1) -> AsyncGenerator[Tick, None]:
        """Events that the test lets happen."""
        probe, number = info.context.probe, start
        probe.note("ticks", 1)
        try:
            while True:
                await probe.ticked(number)
                yield Tick(number)
                number += 1
        finally:
            probe.note("ticks", -1)

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 1
        raise ZeroDivisionError("dsn=secret")


def small_schema(limits: DocumentLimits | None = None) -> MusterSchema:
    return MusterSchema(query=Query, mutation=Mutation, subscription=Subscription, extensions=[DocumentCheck(limits or DocumentLimits())])


class Peer:
    """A client of the WebSocket that speaks the protocol by hand."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: object) -> None:
        await self.socket.send(orjson.dumps(message).decode())

    async def receive(self) -> dict[str, object]:
        async with asyncio.timeout(DEADLINE):
            frame = await self.socket.recv()
        assert isinstance(frame, str), "frames must be text"
        message = orjson.loads(frame)
        assert isinstance(message, dict)
        return message

    async def sign_in(self, authorization: str = ADA) -> Self:
        await self.send(type="connection_init", payload={"Authorization": authorization})
        assert await self.receive() == {"type": "connection_ack"}
        return self

    async def subscribe(self, key: str, query: str, **more: object) -> None:
        await self.send(type="subscribe", id=key, payload={"query": query, **more})

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closes, whatever it sends before."""
        with suppress(ConnectionClosed):
            while True:
                await self.receive()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@dataclass
class Service:
    """The running server."""

    app: GraphQLApp
    probe: Probe
    tokens: dict[str, int]
    port: int = 0
    server: uvicorn.Server = attribute(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def token_ids(self) -> set[int]:
        """The tokens that open connections run on."""
        return {caller.token_id for caller in self.app.callers()}

    def end_tokens(self, *token_ids: int, lapse: Lapse = Lapse.OVER) -> None:
        """End the connections that run on one of these tokens."""
        self.app.end({caller: lapse for caller in self.app.callers() if caller.token_id in token_ids})

    async def until_tokens(self, *token_ids: int) -> None:
        """Wait until the open connections run on exactly these tokens."""
        async with asyncio.timeout(DEADLINE):
            while self.token_ids() != set(token_ids):  # noqa: ASYNC110  # the server has no event for it
                await asyncio.sleep(0)

    @asynccontextmanager
    async def socket(self, *protocols: str, origin: str | None = None, authorization: str | None = None) -> AsyncIterator[Peer]:
        async with connect(
            self.url.replace("http", "ws"),
            subprotocols=[Subprotocol(name) for name in protocols or (PROTOCOL,)],
            origin=Origin(origin) if origin else None,
            additional_headers={"Authorization": authorization} if authorization else None,
            close_timeout=0.1,
            max_queue=1,
            proxy=None,
        ) as socket:
            yield Peer(socket)


def configuration(application: Starlette, patience: float) -> uvicorn.Config:
    """What uvicorn is told for one test."""
    config = uvicorn.Config(
        application,
        port=0,
        http=partial(HttpProtocol, patience=patience),  # type: ignore[arg-type]  # it is only called
        ws=WebSocketProtocol,
        lifespan="off",
        log_config=None,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
    )
    config.load()
    return config


@asynccontextmanager
async def serve(
    limits: TransportLimits | None = None,
    documents: DocumentLimits | None = None,
    *,
    layers: Sequence[Middleware] = (),
    patience: float = DEADLINE,
) -> AsyncIterator[Service]:
    """A server for one test, with Ada (token 1) and Bob (token 2) for users."""
    probe, tokens, serial = Probe(), {ADA: 1, BOB: 2}, iter(range(10**6))

    async def authenticate(authorization: str | None, _address: str) -> Context:
        if authorization == "Bearer broken":
            raise ZeroDivisionError("dsn=secret")
        if authorization not in tokens:
            raise Unauthenticated
        return Context(tokens[authorization], next(serial), probe)

    app = GraphQLApp(small_schema(documents), authenticate, limits or TransportLimits())
    service = Service(app, probe, tokens)
    config = configuration(Starlette(routes=app.routes("/graphql"), middleware=layers), patience)
    service.server = uvicorn.Server(config)
    service.server.lifespan = config.lifespan_class(config)
    async with asyncio.timeout(DEADLINE):
        await service.server.startup()
    service.port = service.server.servers[0].sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        app.close()
        async with asyncio.timeout(DEADLINE):
            await service.server.shutdown()


async def post(service: Service, body: object, *, accept: str = "*/*", token: str = ADA, content_type: str = JSON) -> httpx.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    async with web_client() as client:
        headers = {"Accept": accept, "Content-Type": content_type, **({"Authorization": token} if token else {})}
        return await client.post(service.url, content=content, headers=headers)


def code_of(response: httpx.Response) -> str:
    assert response.headers["content-type"].startswith((JSON, GRAPHQL_JSON))
    assert response.headers["x-content-type-options"] == "nosniff"
    (error,) = response.json()["errors"]
    return str(error["extensions"]["code"])
