"""Checks that the identity provider publishes keys that can verify signatures."""

from urllib.parse import urlsplit

from app.doctor.finding import Finding, failed, passed
from app.identity.download import DownloadFailed, downloads
from app.identity.key_set import usable
from app.settings import PREFIX, Settings

CHECK = "identity provider"
REMEDY = f"Check {PREFIX}JWT_KEYS_URL against jwks_uri of the provider, and that this machine reaches it."


async def examine_provider(settings: Settings) -> list[Finding]:
    """Check whether JWTs could be verified now. Returns no finding if the settings name no provider."""
    return [await _keys(settings.jwt_keys_url)] if settings.jwt_keys_url else []


async def _keys(url: str) -> Finding:
    host = urlsplit(url).hostname
    try:
        keys = usable(await downloads(url)())
    except (DownloadFailed, ValueError) as error:
        return failed(CHECK, f"{host} gives no keys: {error}. {REMEDY}")
    if not keys:
        return failed(
            CHECK, f"{host} has keys, but none that verifies signatures: have it sign with RSA, EC or Ed25519, and publish that key."
        )
    return passed(CHECK, f"{host} publishes keys that verify signatures.")
