"""Secrets that failed to sign in lately, so that a client that repeats one of them is not taken for one that guesses."""

import secrets
from hashlib import blake2b

from cachetools import TTLCache

from app.rates.windows import Clock

REMEMBERED_SECONDS = 60.0  # as long as the window in which failures are counted
MOST_REMEMBERED = 10_000  # some megabytes. Beyond that the oldest are forgotten, and count again
DIGEST_BYTES = 16


class WrongSecrets:
    """The wrong secrets of each address in the last minute, as digests by a key that only this process has."""

    def __init__(self, clock: Clock) -> None:
        self._key = secrets.token_bytes(DIGEST_BYTES)
        self._seen = TTLCache[bytes, None](MOST_REMEMBERED, REMEMBERED_SECONDS, timer=clock)

    def add(self, address: str, secret: str) -> bool:
        """Note that a secret failed at an address, and return whether it is another one than before."""
        digest = blake2b(f"{address}\n{secret}".encode(errors="surrogatepass"), digest_size=DIGEST_BYTES, key=self._key).digest()
        is_new = digest not in self._seen
        if is_new:
            self._seen[digest] = None
        return is_new
