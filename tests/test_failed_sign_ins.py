"""Failed attempts to sign in: how many an address has, and that nobody else's count."""

import asyncio
from itertools import count

import httpx
import pytest

from app.rates.admission import Admission
from app.rates.limiter import RateLimiter
from models.errors import RateLimited, Unauthenticated
from tests.support.http_client import web_client
from tests.support.processes import DEADLINE, new_token, serving

MOST = 3
guesses = count()
VIEWER = {"query": "{ viewer { role } }"}


class Hand:
    """A clock that is moved by hand."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


async def fail(admission: Admission, address: str, secret: str | None = None) -> None:
    """Try to sign in with a bad token: another one each time, unless it is given."""
    with pytest.raises(Unauthenticated):
        async with admission.attempt(address, secret or f"Bearer {next(guesses)}"):
            raise Unauthenticated


async def succeed(admission: Admission, address: str) -> None:
    """Sign in with a good token."""
    async with asyncio.timeout(DEADLINE), admission.attempt(address, "Bearer good"):
        pass


def admission(hand: Hand, failures: int = MOST) -> Admission:
    return Admission(RateLimiter(clock=hand), requests=0, points=0, failures=failures)


async def test_an_address_that_failed_too_often_has_to_wait() -> None:
    hand = Hand()
    limited = admission(hand)
    for _ in range(MOST):
        await fail(limited, "192.0.2.1")
    with pytest.raises(RateLimited) as refused:
        await succeed(limited, "192.0.2.1")
    hand.seconds += refused.value.retry_after
    await succeed(limited, "192.0.2.1")


async def test_good_tokens_elsewhere_go_on_and_cost_nothing() -> None:
    limited = admission(Hand())
    for _ in range(MOST):
        await fail(limited, "192.0.2.1")
    for _ in range(10 * MOST):
        await succeed(limited, "192.0.2.2")
    for _ in range(MOST):
        await fail(limited, "192.0.2.2")


async def test_a_bad_token_that_is_tried_again_and_again_counts_once_a_minute() -> None:
    hand = Hand()
    limited = admission(hand, failures=2)
    for _ in range(10):
        await fail(limited, "192.0.2.1", "Bearer old")
    await succeed(limited, "192.0.2.1")
    await fail(limited, "192.0.2.2", "Bearer old")
    hand.seconds += 61
    for _ in range(10):
        await fail(limited, "192.0.2.1", "Bearer old")
    await succeed(limited, "192.0.2.1")
    await fail(limited, "192.0.2.1", "Bearer other")
    with pytest.raises(RateLimited):
        await succeed(limited, "192.0.2.1")


async def test_the_limit_can_be_lifted() -> None:
    free = admission(Hand(), failures=0)
    for _ in range(10 * MOST):
        await fail(free, "192.0.2.1")
    await succeed(free, "192.0.2.1")


async def test_a_client_that_guesses_is_told_when_to_try_again(url: str) -> None:
    good = await new_token(url, "Acme")
    async with serving(url, rate_limit_failures=str(MOST)) as server, web_client() as client:

        async def ask(token: str) -> httpx.Response:
            return await client.post(server.url, json=VIEWER, headers={"Authorization": f"Bearer {token}"})

        assert (await ask(good)).status_code == 200
        repeated = [await ask("muster_" + "a" * 43) for _ in range(2 * MOST)]
        assert [response.status_code for response in repeated] == [401] * 2 * MOST
        guessed = [await ask("muster_" + letter * 43) for letter in "bcde"]
        assert [response.status_code for response in guessed] == [401, 401, 429, 429]
        refused = await ask(good)
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert [error["extensions"]["code"] for error in refused.json()["errors"]] == ["RATE_LIMITED"]
