"""The public keys of an identity provider: fetched beside the requests that need them, and again when there may be others."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from models.errors import Unavailable

FRESH_SECONDS = 300.0  # after which they are fetched again, so that a key that was withdrawn is trusted no longer
LEAST_SECONDS = 10.0  # between two attempts, however many tokens name keys that nobody knows
KEPT_SECONDS = 86_400.0  # for which they are used while the provider does not answer
MOST_KEYS = 100

BY_KIND = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC P-256": ("ES256",),
    "EC P-384": ("ES384",),
    "EC P-521": ("ES512",),
    "OKP Ed25519": ("EdDSA",),
    "OKP Ed448": ("EdDSA",),
}
ALGORITHMS = tuple(dict.fromkeys(name for names in BY_KIND.values() for name in names))
"""Those whose keys can be public. None of them is `none`, and none shares a secret with whoever verifies."""

Fetch = Callable[[], Awaitable[object]]

log = structlog.get_logger(__name__)


class KeySet:
    """The keys as they were last fetched."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: list[PyJWK] = []
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """The one key with this id for this algorithm, after another look if there is none; `Unavailable` if no key is known at all."""
        found = self._choose(key_id, algorithm)
        if found is None and (fetching := self._renew()):
            await asyncio.shield(fetching)  # others wait for it too
            found = self._choose(key_id, algorithm)
        elif self._age() > FRESH_SECONDS:
            self._renew()
        if not self._keys:
            raise Unavailable("The identity provider does not answer, so nobody can sign in with its tokens. Try again in a moment.")
        return found

    def _choose(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        if self._age() > KEPT_SECONDS:
            self._keys = []
        fitting = [key for key in self._keys if key.algorithm_name == algorithm and key_id in (None, key.key_id)]
        return fitting[0] if len(fitting) == 1 else None

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _renew(self) -> asyncio.Task[None] | None:
        """The fetching that is going on, or begins now; None if the last attempt is too recent for another."""
        if self._fetching is None and self._clock() >= self._tried_at + LEAST_SECONDS:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._take_over(), name="fetch keys")
        return self._fetching

    async def _take_over(self) -> None:
        try:
            self._keys = usable(await self._fetch())
            self._fetched_at = self._clock()
        # Whatever is wrong with the provider, those whose keys are known go on.
        except Exception as error:
            log.warning("the keys of the identity provider cannot be fetched", reason=str(error) or type(error).__name__)
        finally:
            self._fetching = None

    async def close(self) -> None:
        """Give up fetching."""
        if self._fetching:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)


@asynccontextmanager
async def open_key_set(fetch: Fetch) -> AsyncIterator[KeySet]:
    """A set of keys that is used while the context is open."""
    keys = KeySet(fetch)
    try:
        yield keys
    finally:
        await keys.close()


def usable(document: object) -> list[PyJWK]:
    """The keys of a JWK Set that can verify signatures, each once for every algorithm that it may be used with."""
    match document:
        case {"keys": [*keys]}:
            return [key for data in keys[:MOST_KEYS] if isinstance(data, dict) for key in _with_algorithms(data)]
    raise ValueError("it is not a JWK Set")


def _with_algorithms(data: dict[str, object]) -> Iterable[PyJWK]:
    kind = " ".join(str(data[name]) for name in ("kty", "crv") if name in data)
    possible = BY_KIND.get(kind, ()) if data.get("use", "sig") == "sig" else ()
    for algorithm in possible:
        if data.get("alg", algorithm) == algorithm:
            try:
                yield PyJWK(data, algorithm)
            except PyJWTError:
                continue
