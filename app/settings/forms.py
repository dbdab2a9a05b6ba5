"""Checks and normalises the values of settings that have a form of their own: URLs, origins and networks."""

import re
from ipaddress import ip_network
from urllib.parse import SplitResult, parse_qs, urlsplit

DATABASE_URLS = "write sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host/name"
BUS_URLS = "write redis://host:port, rediss://host:port or unix:///path, with user:password@ after the slashes if it needs them"
BUS_SCHEMES = ("redis", "rediss", "valkey", "valkeys")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
BUS_OPTIONS = {"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}


def database_url(url: str) -> str:
    """Accept only URLs that the database layer understands.

    Error messages never contain the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        known = _is_sqlite(parts) or _is_postgresql(parts)
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{DATABASE_URLS}, with special characters percent-encoded")
    return url


def _is_sqlite(parts: SplitResult) -> bool:
    only_a_path = not (parts.netloc or parts.query or parts.fragment)
    return parts.scheme == "sqlite" and only_a_path and re.fullmatch("/.*[^/]", parts.path) is not None


def _is_postgresql(parts: SplitResult) -> bool:
    host = parts.hostname or parse_qs(parts.query).get("host")
    return parts.scheme == "postgresql" and bool(host) and parts.port != 0 and re.fullmatch("/[^/]+", parts.path) is not None


def bus_url(url: str | None) -> str | None:
    """Accept only URLs that the bus understands.

    Error messages never contain the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url or "")
        known = not url or ((_is_redis(parts) or _is_socket(parts)) and parse_qs(parts.query).keys() <= BUS_OPTIONS)
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{BUS_URLS}, with special characters percent-encoded")
    return url or None


def _is_redis(parts: SplitResult) -> bool:
    return parts.scheme in BUS_SCHEMES and bool(parts.hostname) and parts.port != 0 and re.fullmatch(r"/?\d*", parts.path) is not None


def _is_socket(parts: SplitResult) -> bool:
    return parts.scheme == "unix" and not parts.hostname and re.fullmatch("/.*[^/]", parts.path) is not None


def split_at_commas(text: object) -> object:
    """Split text at commas, and leave other values to pydantic."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


def origin(origin: str) -> str:
    """Normalise an origin to the form that browsers send."""
    if not re.fullmatch(r"https?://[^/\s]+", origin, re.IGNORECASE):
        raise ValueError("write each as https://example.com or http://localhost:3000, separated by commas")
    scheme, _, place = origin.lower().partition("://")
    return f"{scheme}://{place.removesuffix(DEFAULT_PORTS[scheme])}"


def network(text: str) -> str:
    """Normalise an address or a network."""
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("write each as 10.0.0.1 or 10.0.0.0/8, separated by commas") from None


def keys_url(url: str | None) -> str | None:
    """Accept only HTTPS URLs, or HTTP on this machine, so that nobody can replace the keys in transit."""
    try:
        parts = urlsplit(url or "")
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        known = not url or (safe and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        known = False
    if not known:
        raise ValueError("write https://host/path, or http:// only for this machine")
    return url or None


def lower_case(name: object) -> object:
    """Convert text to lower case, and leave other values to pydantic."""
    return name.lower() if isinstance(name, str) else name
