"""The identity provider that the settings name: whether its keys can be had, and are of use."""

from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from orjson import JSONDecodeError

from app.doctor.finding import Finding, fine, wrong
from app.identity.download import downloads
from app.identity.key_set import usable
from app.settings import PREFIX, Settings

WHAT = "identity provider"


async def examine_provider(settings: Settings) -> list[Finding]:
    """Whether JWTs could be verified now; nothing is found where none are accepted."""
    return [await _keys(settings.jwt_keys_url)] if settings.jwt_keys_url else []


async def _keys(url: str) -> Finding:
    host = urlsplit(url).hostname
    try:
        keys = usable(await downloads(url)())
    except (OSError, ValueError) as error:
        check = f"Check {PREFIX}JWT_KEYS_URL against jwks_uri of the provider, and that this machine reaches it."
        return wrong(WHAT, f"{host} gives no keys: {_reason(error)}. {check}")
    if not keys:
        return wrong(
            WHAT, f"{host} has keys, but none that verifies signatures: have it sign with RSA, EC or Ed25519, and publish that key."
        )
    return fine(WHAT, f"{host} publishes keys that verify signatures.")


def _reason(error: OSError | ValueError) -> str:
    match error:
        case HTTPError():
            return f"its answer has the status {error.code}"
        case URLError():
            return str(error.reason)
        case JSONDecodeError():
            return "its answer is not JSON"
    return str(error) or "no answer in time"
