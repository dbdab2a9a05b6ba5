"""Signing in with JWTs of an identity provider: which are accepted, whom they stand for, and how its keys are kept."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from app.identity.authentication import authenticate_request
from app.identity.download import downloads
from app.identity.key_set import ALGORITHMS, FRESH_SECONDS, KEPT_SECONDS, LEAST_SECONDS, KeySet, open_key_set, usable
from app.identity.provider import Expectations, Provider, open_provider
from app.settings import Settings
from models import Role, User
from models.errors import Unauthenticated, Unavailable
from models.ids import to_global_id
from models.people import EVERY_SCOPE
from models.text import fold
from resolvers.access.sign_in import Lapse, lapsed
from resolvers.access.tokens import create_access_token
from resolvers.access.users import update_user
from resolvers.operation.context import Context, Services
from tests.support.callers import new_account, new_user
from tests.support.clock import DrivenClock
from tests.support.identity_provider import AUDIENCE, CURVES, ISSUER, IdentityProvider, identity_provider, key_for, token

DEADLINE = 30.0
EXPECTED = Expectations(ISSUER, AUDIENCE, leeway=timedelta(seconds=30))
RSA = key_for("RS256")


@pytest.fixture
async def known() -> AsyncIterator[IdentityProvider]:
    async with identity_provider(RSA) as running:
        yield running


async def email_of(context: Context) -> str:
    return (await User.get(id=context.caller.user_id)).email


async def claims(context: Context, **more: Any) -> dict[str, Any]:
    """What a good token for this user says."""
    expires_at = context.services.wall_clock() + timedelta(minutes=5)
    return {"email": await email_of(context), "email_verified": True, "exp": int(expires_at.timestamp()), **more}


async def signed_in(services: Services, known: IdentityProvider, secret: str, expected: Expectations = EXPECTED) -> Context:
    async with asyncio.timeout(DEADLINE), open_key_set(downloads(known.url)) as keys:
        return await authenticate_request(services, Provider(keys, expected, services.wall_clock), f"Bearer {secret}")


# ---------------------------------------------------------------- what is accepted


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_signed_by_a_key_of_the_provider_signs_in_whom_it_names(services: Services, owner: Context, algorithm: str) -> None:
    key = key_for(algorithm if algorithm[:2] not in ("RS", "PS") else "RS256")
    async with identity_provider(key) as known:
        caller = (await signed_in(services, known, token(key, algorithm, **await claims(owner)))).caller
    assert (caller.account_id, caller.user_id, caller.role) == (owner.caller.account_id, owner.caller.user_id, Role.OWNER)
    assert (caller.token_id, caller.scopes) == (0, EVERY_SCOPE)


@pytest.mark.parametrize("algorithm", CURVES)
def test_a_key_on_a_curve_is_for_the_algorithm_of_that_curve_only(algorithm: str) -> None:
    published = key_for(algorithm).public
    assert [key.algorithm_name for key in usable({"keys": [published]})] == [algorithm]
    assert usable({"keys": [published | {"alg": other} for other in CURVES if other != algorithm]}) == []


async def test_a_token_without_the_name_of_a_key_is_tried_with_the_only_one(
    services: Services, owner: Context, known: IdentityProvider
) -> None:
    nameless = token(RSA, header={}, **await claims(owner))
    assert (await signed_in(services, known, nameless)).caller.user_id == owner.caller.user_id
    known.keys.append(key_for("RS256", "second"))
    with pytest.raises(Unauthenticated):
        await signed_in(services, known, nameless)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example.com/"},
        {"iss": None},
        {"aud": "others"},
        {"aud": ["others"]},
        {"aud": None},
        {"exp": None},
        {"exp": 1},
        {"exp": 1e300},
        {"exp": "soon"},
        {"nbf": 2**33},
        {"iat": 2**33},
        {"iat": "today"},
        {"email": None},
        {"email": ""},
        {"email": 5},
        {"email": "a\0@example.com"},
        {"email": "nobody@example.com"},
        {"email_verified": False},
        {"email_verified": "yes"},
        {"email_verified": None},
        {"sub": 7},
    ],
    ids=str,
)
async def test_a_token_that_says_anything_else_is_refused(
    services: Services, owner: Context, known: IdentityProvider, wrong: dict[str, Any]
) -> None:
    await signed_in(services, known, token(RSA, **await claims(owner)))
    with pytest.raises(Unauthenticated):
        await signed_in(services, known, token(RSA, **{**await claims(owner), **wrong}))


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def with_shared_secret(said: object, secret: bytes) -> str:
    """A token that a careless verifier would check with the public key as if it were a secret."""
    text = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(said)}"
    return f"{text}.{base64.urlsafe_b64encode(hmac.digest(secret, text.encode(), 'sha256')).decode().rstrip('=')}"


async def test_a_token_that_nobody_signed_is_refused(services: Services, owner: Context, known: IdentityProvider) -> None:
    said = {"iss": ISSUER, "aud": AUDIENCE, **await claims(owner)}
    good, other = token(RSA, **said), key_for("RS256", "second")
    head, _, signature = good.split(".")
    forged = [
        f"{encoded({'alg': 'none', 'kid': 'first'})}.{encoded(said)}.",
        f"{encoded({'alg': 'none', 'kid': 'first'})}.{encoded(said)}.{signature}",
        f"{head}.{encoded(said | {'email': 'other@example.com'})}.{signature}",
        f"{head}.{encoded([])}.{signature}",
        f"{encoded({'alg': 'PS256', 'kid': 'first'})}.{encoded(said)}.{signature}",
        f"{encoded({'alg': ['RS256'], 'kid': 'first'})}.{encoded(said)}.{signature}",
        with_shared_secret(said, json.dumps(RSA.public).encode()),
        token(other, header={"kid": "first"}, **said),
        token(other, **said),
        good + "a" * 20_000,
        "a.b.c",
    ]
    for secret in forged:
        with pytest.raises(Unauthenticated):
            await signed_in(services, known, secret)


async def test_the_providers_clock_may_be_a_little_ahead(services: Services, owner: Context, known: IdentityProvider) -> None:
    now = int(services.wall_clock().timestamp())
    await signed_in(services, known, token(RSA, **await claims(owner, nbf=now + 30, iat=now + 30)))
    with pytest.raises(Unauthenticated):
        await signed_in(services, known, token(RSA, **await claims(owner, nbf=now + 31)))


def test_a_key_for_something_else_verifies_nothing() -> None:
    weak = {"kty": "oct", "k": "c2VjcmV0", "kid": "first"}
    unfit = [weak, RSA.public | {"use": "enc"}, RSA.public | {"alg": "HS256"}, RSA.public | {"n": "!"}, {"kty": "RSA"}, "key", None]
    assert usable({"keys": unfit}) == []
    assert [key.algorithm_name for key in usable({"keys": [RSA.public | {"alg": "RS384"}]})] == ["RS384"]


async def test_access_tokens_go_on_beside_it(services: Services, owner: Context, known: IdentityProvider) -> None:
    _, secret = await create_access_token(owner, name="Script")
    assert (await signed_in(services, known, secret)).caller.user_id == owner.caller.user_id
    assert (await authenticate_request(services, None, f"Bearer {secret}")).caller.user_id == owner.caller.user_id
    with pytest.raises(Unauthenticated):
        await authenticate_request(services, None, f"Bearer {token(RSA, **await claims(owner))}")


# ---------------------------------------------------------------- whom it stands for


async def test_an_address_in_two_accounts_needs_a_claim_that_says_which(
    services: Services, owner: Context, known: IdentityProvider
) -> None:
    other = await new_account(services)
    await User.filter(id=other.caller.user_id).update(email=await email_of(owner), email_folded=await email_of(owner))
    with pytest.raises(Unauthenticated, match="several accounts"):
        await signed_in(services, known, token(RSA, **await claims(owner)))
    expected = Expectations(ISSUER, AUDIENCE, account_claim="org")
    for context in (owner, other):
        org = to_global_id("Account", context.caller.account_id)
        found = await signed_in(services, known, token(RSA, **await claims(owner, org=org)), expected)
        assert found.caller.user_id == context.caller.user_id
    for wrong in (None, "", 5, to_global_id("Account", 2**40), to_global_id("User", owner.caller.account_id)):
        with pytest.raises(Unauthenticated):
            await signed_in(services, known, token(RSA, **await claims(owner, org=wrong)), expected)


@pytest.mark.parametrize(
    "addresses",
    [
        ("ann@strasse.example", "ann@straße.example"),
        ("kim@example.com", "\N{KELVIN SIGN}im@example.com"),
        ("sam@example.com", "\N{LATIN SMALL LETTER LONG S}am@example.com"),
        ("\N{KELVIN SIGN}im@example.com", "kim@example.com"),
        ("jörg@example.com", "JÖRG@example.com"),
    ],
)
async def test_an_address_that_only_folds_to_a_users_is_somebody_elses(
    services: Services, owner: Context, known: IdentityProvider, addresses: tuple[str, str]
) -> None:
    stored, said = addresses
    assert fold(stored) == fold(said)
    await User.filter(id=owner.caller.user_id).update(email=stored, email_folded=fold(stored))
    with pytest.raises(Unauthenticated, match="not as a user"):
        await signed_in(services, known, token(RSA, **await claims(owner, email=said)))


@pytest.mark.parametrize("said", ["Jörg@Example.com", "jo\N{COMBINING DIAERESIS}rg@EXAMPLE.com", "jörg@example.com"])
async def test_an_address_is_a_users_whatever_the_case_of_its_ascii_letters(
    services: Services, owner: Context, known: IdentityProvider, said: str
) -> None:
    await User.filter(id=owner.caller.user_id).update(email="JöRG@example.com", email_folded=fold("jörg@example.com"))
    caller = (await signed_in(services, known, token(RSA, **await claims(owner, email=said)))).caller
    assert caller.user_id == owner.caller.user_id


async def test_a_subject_stands_for_the_user_who_was_given_it(services: Services, owner: Context, known: IdentityProvider) -> None:
    expected = Expectations(ISSUER, AUDIENCE, user_claim="sub")
    user = to_global_id("User", owner.caller.user_id)
    secret = token(RSA, **await claims(owner, sub="auth0|Ann"))
    with pytest.raises(Unauthenticated):
        await signed_in(services, known, secret, expected)
    await update_user(owner, user_id=user, changes={"subject": "auth0|Ann"})
    assert (await signed_in(services, known, secret, expected)).caller.user_id == owner.caller.user_id
    with pytest.raises(Unauthenticated):
        await signed_in(services, known, token(RSA, **await claims(owner, sub="AUTH0|ann")), expected)
    await update_user(owner, user_id=user, changes={"subject": ""})
    with pytest.raises(Unauthenticated):
        await signed_in(services, known, secret, expected)


async def test_a_sign_in_lapses_with_its_token_and_with_the_users_role(
    services: Services, owner: Context, known: IdentityProvider, clock: DrivenClock
) -> None:
    editor = await new_user(services, owner.caller.account_id, Role.EDITOR)
    callers = [(await signed_in(services, known, token(RSA, **await claims(context)))).caller for context in (owner, editor)]
    assert await lapsed(services, callers) == {}
    await update_user(owner, user_id=to_global_id("User", editor.caller.user_id), changes={"role": Role.VIEWER})
    assert await lapsed(services, callers) == {callers[1]: Lapse.CHANGED}
    clock.pass_(minutes=5)
    assert await lapsed(services, callers) == dict.fromkeys(callers, Lapse.OVER)


# ---------------------------------------------------------------- its settings


GOOD = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_keys_url": "https://id.example.com/keys"}


@pytest.mark.parametrize("missing", GOOD)
def test_a_provider_is_named_in_full_or_not_at_all(missing: str) -> None:
    given: dict[str, Any] = {**GOOD, missing: None}
    with pytest.raises(ValidationError, match="JWT_KEYS_URL go together"):
        Settings(**given)


@pytest.mark.parametrize("url", ["http://id.example.com/keys", "https:///keys", "https://host:port/", "ftp://host/", "keys"])
def test_keys_are_fetched_from_where_nobody_can_exchange_them(url: str) -> None:
    given: dict[str, Any] = {**GOOD, "jwt_keys_url": url}
    with pytest.raises(ValidationError, match="http:// only for this machine"):
        Settings(**given)
    local: dict[str, Any] = {**GOOD, "jwt_keys_url": "http://localhost:8080/keys"}
    assert Settings(**local).jwt_keys_url


async def test_without_settings_there_is_no_provider(clock: DrivenClock) -> None:
    async with open_provider(Settings(), clock) as provider:
        assert provider is None


# ---------------------------------------------------------------- its keys


class Hand:
    """A clock that is moved by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def find(keys: KeySet, name: str) -> bool:
    async with asyncio.timeout(DEADLINE):
        return await keys.find(name, "RS256") is not None


async def until_asked(known: IdentityProvider, times: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while known.asked < times:  # noqa: ASYNC110  # the provider has no event for it
            await asyncio.sleep(0)


async def test_many_who_come_at_once_wait_for_one_fetching(known: IdentityProvider) -> None:
    keys = KeySet(downloads(known.url))
    assert all(await asyncio.gather(*(find(keys, "first") for _ in range(50))))
    assert known.asked == 1


async def test_a_new_key_is_found_and_names_that_nobody_knows_cost_little(known: IdentityProvider) -> None:
    hand = Hand()
    keys = KeySet(downloads(known.url), clock=hand)
    assert await find(keys, "first")
    for number in range(100):
        assert not await find(keys, f"made up {number}")
    assert known.asked == 1
    known.keys.append(key_for("RS256", "second"))
    hand.seconds += LEAST_SECONDS
    assert await find(keys, "second")
    assert known.asked == 2


async def test_a_key_that_was_withdrawn_is_trusted_no_longer(known: IdentityProvider) -> None:
    hand = Hand()
    keys = KeySet(downloads(known.url), clock=hand)
    assert await find(keys, "first")
    known.keys[:] = [key_for("RS256", "second")]
    hand.seconds += FRESH_SECONDS + 1
    await find(keys, "first")  # the first to ask does not wait for it
    await until_asked(known, 2)
    assert await find(keys, "second")
    assert not await find(keys, "first")


@pytest.mark.parametrize("status", ["500 Broken", "302 Found"])
async def test_while_the_provider_is_away_known_keys_are_used_for_a_day(known: IdentityProvider, status: str) -> None:
    hand = Hand()
    keys = KeySet(downloads(known.url), clock=hand)
    assert await find(keys, "first")
    known.status = status
    hand.seconds += KEPT_SECONDS
    with capture_logs() as logs:
        assert await find(keys, "first")
        assert not await find(keys, "second")
    assert [entry["log_level"] for entry in logs] == ["warning"]
    hand.seconds += 1
    with pytest.raises(Unavailable):
        await find(keys, "first")


async def test_a_provider_that_cannot_be_reached_is_no_fault_of_the_clients(services: Services, owner: Context) -> None:
    with capture_logs(), pytest.raises(Unavailable):
        await signed_in(services, IdentityProvider(url="http://127.0.0.1:9/keys"), token(RSA, **await claims(owner)))
