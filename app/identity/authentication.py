"""Signs in requests with an access token or a JWT of the identity provider."""

import re

from app.identity.provider import Provider
from resolvers.access.sign_in import authenticate, sign_in
from resolvers.operation.context import Context, Services

_JWT = re.compile(r"(?i:bearer) +([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII)


async def authenticate_request(services: Services, provider: Provider | None, authorization: str | None) -> Context:
    """Sign in the user of this `Authorization` header and return their context. Raises `Unauthenticated`."""
    found = _JWT.fullmatch((authorization or "").strip()) if provider else None
    if provider and found:
        return await sign_in(services, await provider.identify(found[1]))
    return await authenticate(services, authorization)
