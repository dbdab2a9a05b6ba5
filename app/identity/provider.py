"""Verifies JWTs of an identity provider and reads the user's identity from their claims."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
import structlog
from jwt.exceptions import PyJWTError
from jwt.types import Options

from app.identity.download import downloads
from app.identity.key_set import ALGORITHMS, KeySet, open_key_set
from app.settings import Settings
from models.errors import Unauthenticated
from models.ids import number_of
from models.text import storable
from resolvers.access.sign_in import Identity
from resolvers.operation.context import WallClock

LONGEST_TOKEN = 16_384  # characters
REQUIRED = ["iss", "aud", "exp"]
LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Expectations:
    """The expected issuer and audience, and the claims that name the user and the account."""

    issuer: str
    audience: str
    user_claim: Literal["email", "sub"] = "email"
    account_claim: str | None = None
    leeway: timedelta = timedelta(0)


class Provider:
    """An identity provider whose JWTs are accepted."""

    def __init__(self, keys: KeySet, expected: Expectations, clock: WallClock) -> None:
        self._keys = keys
        self._expected = expected
        self._clock = clock

    async def identify(self, token: str) -> Identity:
        """Verify a JWT and return the identity in it.

        Raises `Unauthenticated`. The reason goes to the log, not to the client.
        """
        try:
            return self._identity(await self._verified(token))
        except (PyJWTError, ValueError) as error:
            log.info("a JWT was refused", reason=str(error))
            raise Unauthenticated("Send a valid access token, or a JWT of your identity provider that has not expired.") from None

    async def _verified(self, token: str) -> Mapping[str, Any]:
        if len(token) > LONGEST_TOKEN:
            raise ValueError("it is too long")
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise ValueError("its algorithm is not among those that are accepted")
        key = await self._keys.find(header.get("kid"), header["alg"])
        if key is None:
            raise ValueError("no key of the provider fits it")
        # Times are checked below, against this server's clock instead of the library's.
        options: Options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        options |= {"require": REQUIRED, "enforce_minimum_key_length": True}
        meant = self._expected
        claims: Mapping[str, Any] = jwt.decode(
            token, key, algorithms=ALGORITHMS, options=options, issuer=meant.issuer, audience=meant.audience
        )
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        expires_at = self._expiry(claims)
        name = claims.get(self._expected.user_claim)
        if not isinstance(name, str) or not name or not storable(name):
            raise ValueError(f"it has no {self._expected.user_claim} claim")
        if self._expected.user_claim == "sub":
            return Identity("subject", name, expires_at, self._account(claims))
        if claims.get("email_verified") is not True:
            raise ValueError("it does not say that the provider has verified the e-mail address")
        return Identity("email", name, expires_at, self._account(claims))

    def _expiry(self, claims: Mapping[str, Any]) -> datetime:
        now, leeway = self._clock(), self._expected.leeway
        if any(_moment(claims, name) > now + leeway for name in ("nbf", "iat") if name in claims):
            raise ValueError("it is not valid yet")
        expires_at = _moment(claims, "exp")
        if expires_at <= now:
            raise ValueError("it has expired")
        return expires_at

    def _account(self, claims: Mapping[str, Any]) -> int | None:
        name = self._expected.account_claim
        if name is None:
            return None
        number = number_of(str(claims.get(name)), "Account")
        if number is None:
            raise ValueError(f"its {name} claim is not the id of an account")
        return number


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    seconds = claims[name]
    if not isinstance(seconds, (int, float)) or not 0 <= seconds <= LAST_MOMENT:
        raise ValueError(f"its {name} claim is not a moment")
    return datetime.fromtimestamp(seconds, UTC)


@asynccontextmanager
async def open_provider(settings: Settings, clock: WallClock) -> AsyncIterator[Provider | None]:
    """Open the identity provider in the settings, or None if they name none."""
    if not (settings.jwt_issuer and settings.jwt_audience and settings.jwt_keys_url):
        yield None
        return
    expected = Expectations(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        user_claim=settings.jwt_user_claim,
        account_claim=settings.jwt_account_claim,
        leeway=timedelta(seconds=settings.jwt_leeway_seconds),
    )
    async with open_key_set(downloads(settings.jwt_keys_url)) as keys:
        yield Provider(keys, expected, clock)
