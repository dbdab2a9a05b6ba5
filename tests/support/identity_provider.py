"""An identity provider of a test's own: its keys, its tokens, and the address where it publishes the keys."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://id.example.com/"
AUDIENCE = "muster"
CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@dataclass(frozen=True)
class Key:
    """A key pair, and what it is called."""

    name: str
    private: Any
    public: dict[str, Any]


@cache
def key_for(algorithm: str, name: str = "first") -> Key:
    """A key for this algorithm. It does not say for which."""
    if algorithm in CURVES:
        curve = ec.generate_private_key(CURVES[algorithm])
        return Key(name, curve, ECAlgorithm.to_jwk(curve.public_key(), as_dict=True) | {"kid": name})
    if algorithm == "EdDSA":
        edwards = ed25519.Ed25519PrivateKey.generate()
        return Key(name, edwards, OKPAlgorithm.to_jwk(edwards.public_key(), as_dict=True) | {"kid": name})
    numbers = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    return Key(name, numbers, RSAAlgorithm.to_jwk(numbers.public_key(), as_dict=True) | {"kid": name})


def token(key: Key, algorithm: str = "RS256", *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token with these claims. One that is None is left out."""
    said = {"iss": ISSUER, "aud": AUDIENCE, **claims}
    given = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(given, key.private, algorithm, headers={"kid": key.name} if header is None else header)


@dataclass
class IdentityProvider:
    """What the provider publishes, and how often it was asked."""

    keys: list[Key] = field(default_factory=list)
    status: str = "200 OK"
    document: str | None = None
    """What it publishes instead of its keys."""
    asked: int = 0
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        body = (self.document or json.dumps({"keys": [key.public for key in self.keys]})).encode()
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(body)}\r\nLocation: {self.url}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def identity_provider(*keys: Key) -> AsyncIterator[IdentityProvider]:
    """A provider with these keys that answers over HTTP."""
    provider = IdentityProvider(list(keys))
    async with await asyncio.start_server(provider.answer, "127.0.0.1", 0) as server:
        provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
        yield provider
