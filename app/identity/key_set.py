"""The public keys of an identity provider, which are downloaded in the background and refreshed regularly."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from models.errors import Unavailable

FRESH_SECONDS = 300.0  # after which keys are downloaded again, so that a withdrawn key is no longer trusted
LEAST_SECONDS = 10.0  # between two downloads, however many tokens name unknown keys
KEPT_SECONDS = 86_400.0  # for which known keys are used while the provider does not answer
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
"""The accepted algorithms. All of them are asymmetric, so that no verifier could sign tokens itself."""

Fetch = Callable[[], Awaitable[object]]

log = structlog.get_logger(__name__)


class KeySet:
    """The keys as they were last downloaded."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: list[PyJWK] = []
        self._downloaded_at = self._tried_at = float("-inf")
        self._downloading: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """Find the only key with this id for this algorithm, downloading the keys again if there is none.

        Raises `Unavailable` if no keys are known at all.
        """
        found = self._choose(key_id, algorithm)
        if found is None and (downloading := self._renew()):
            await asyncio.shield(downloading)  # other sign-ins wait for the same download
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
        return self._clock() - self._downloaded_at

    def _renew(self) -> asyncio.Task[None] | None:
        """Return the running download or start one. Returns None if the last attempt is too recent."""
        if self._downloading is None and self._clock() >= self._tried_at + LEAST_SECONDS:
            self._tried_at = self._clock()
            self._downloading = asyncio.create_task(self._download(), name="download keys")
        return self._downloading

    async def _download(self) -> None:
        try:
            self._keys = usable(await self._fetch())
            self._downloaded_at = self._clock()
        # Whatever fails at the provider, known keys remain in use.
        except Exception as error:
            log.warning("the keys of the identity provider cannot be downloaded", reason=str(error) or type(error).__name__)
        finally:
            self._downloading = None

    async def close(self) -> None:
        """Cancel a running download."""
        if self._downloading:
            self._downloading.cancel()
            await asyncio.gather(self._downloading, return_exceptions=True)


@asynccontextmanager
async def open_key_set(fetch: Fetch) -> AsyncIterator[KeySet]:
    """Open a set of keys that is refreshed while the context is open."""
    keys = KeySet(fetch)
    try:
        yield keys
    finally:
        await keys.close()


def usable(document: object) -> list[PyJWK]:
    """Parse a JWK Set into the keys that can verify signatures, each once for every algorithm it supports."""
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
