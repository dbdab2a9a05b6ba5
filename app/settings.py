"""The settings, each with its unit, default, bounds and meaning. They are read once, at start, from MUSTER_ variables or `.env`."""

import re
from ipaddress import ip_network
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.errors import Unavailable

PREFIX = "MUSTER_"
DATABASE_FORMS = "write sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host/name"
BUS_FORMS = "write redis://host:port, rediss://host:port or unix:///path, with user:password@ after the slashes if it needs them"
BUS_SCHEMES = ("redis", "rediss", "valkey", "valkeys")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
BUS_OPTIONS = {"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}


class SettingsError(Unavailable):
    """A setting has an unusable value. The message names its variable."""


def _database_url(url: str) -> str:
    """Accept only URLs that the database layer understands.

    Error messages never contain the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        known = _is_sqlite(parts) or _is_postgresql(parts)
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{DATABASE_FORMS}, with special characters percent-encoded")
    return url


def _is_sqlite(parts: SplitResult) -> bool:
    only_a_path = not (parts.netloc or parts.query or parts.fragment)
    return parts.scheme == "sqlite" and only_a_path and re.fullmatch("/.*[^/]", parts.path) is not None


def _is_postgresql(parts: SplitResult) -> bool:
    host = parts.hostname or parse_qs(parts.query).get("host")
    return parts.scheme == "postgresql" and bool(host) and parts.port != 0 and re.fullmatch("/[^/]+", parts.path) is not None


def _bus_url(url: str | None) -> str | None:
    """Accept only URLs that the bus understands.

    Error messages never contain the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url or "")
        known = not url or ((_is_redis(parts) or _is_socket(parts)) and parse_qs(parts.query).keys() <= BUS_OPTIONS)
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{BUS_FORMS}, with special characters percent-encoded")
    return url or None


def _is_redis(parts: SplitResult) -> bool:
    return parts.scheme in BUS_SCHEMES and bool(parts.hostname) and parts.port != 0 and re.fullmatch(r"/?\d*", parts.path) is not None


def _is_socket(parts: SplitResult) -> bool:
    return parts.scheme == "unix" and not parts.hostname and re.fullmatch("/.*[^/]", parts.path) is not None


def _split(origins: object) -> object:
    return tuple(part.strip() for part in origins.split(",") if part.strip()) if isinstance(origins, str) else origins


def _origin(origin: str) -> str:
    """Normalise an origin to the form that browsers send."""
    if not re.fullmatch(r"https?://[^/\s]+", origin, re.IGNORECASE):
        raise ValueError("write each as https://example.com or http://localhost:3000, separated by commas")
    scheme, _, place = origin.lower().partition("://")
    return f"{scheme}://{place.removesuffix(DEFAULT_PORTS[scheme])}"


def _proxy(network: str) -> str:
    try:
        return str(ip_network(network))
    except ValueError:
        raise ValueError("write each as 10.0.0.1 or 10.0.0.0/8, separated by commas") from None


def _keys_url(url: str | None) -> str | None:
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


def _lower(name: object) -> object:
    return name.lower() if isinstance(name, str) else name


Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split), Field(max_length=100)]
Proxies = Annotated[tuple[Annotated[str, AfterValidator(_proxy)], ...], NoDecode, BeforeValidator(_split), Field(max_length=100)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]


class Settings(BaseSettings):
    """All settings. Values given here override the environment, and the environment overrides `.env`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_database_url)] = Field(
        default="sqlite:///muster.db", repr=False, description=f"the database: {DATABASE_FORMS} (?host=/directory for a socket)"
    )
    host: str = Field(default="127.0.0.1", min_length=1, max_length=253, description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65_535, description="port to listen on (0: a free one)")
    workers: int = Field(default=1, ge=1, le=64, description="number of server processes (more than one needs PostgreSQL)")
    bus_url: Annotated[str | None, AfterValidator(_bus_url)] = Field(
        default=None, repr=False, description="Redis or Valkey as the bus between processes, such as redis://host (empty: PostgreSQL)"
    )
    log_level: LogLevel = Field(default="info", description="lowest level that is logged: debug, info, warning or error")
    log_format: Literal["console", "json"] = Field(default="console", description="console: readable text, json: one JSON object per line")
    access_log: bool = Field(default=False, description="whether each finished request is logged")
    tracing: bool = Field(default=False, description="whether traces are sent to the collector in the standard OTEL_ variables")
    metrics_host: str = Field(default="127.0.0.1", min_length=1, max_length=253, description="address to serve metrics at")
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65_472,
        description="port of the metrics of the first process, further processes use the next ports (empty: no metrics)",
    )
    trusted_proxies: Proxies = Field(
        default=(), description="addresses or networks of proxies whose X-Forwarded-For is trusted, separated by commas"
    )
    allowed_origins: Origins = Field(default=(), description="web origins that may call the API in browsers, separated by commas")

    allow_get_queries: bool = Field(default=False, description="whether queries are also accepted by GET (mutations never are)")
    max_body_bytes: int = Field(default=2**20, ge=2**10, le=2**26, description="largest HTTP request body, in bytes")
    websocket_max_message_bytes: int = Field(
        default=2**20, ge=2**10, le=2**26, description="largest message from a client over a WebSocket, in bytes"
    )
    websocket_init_timeout_seconds: float = Field(default=5, ge=0.01, le=60, description="time in which a new WebSocket must authenticate")
    websocket_ping_seconds: float = Field(default=20, ge=0.01, le=600, description="time between pings on a WebSocket")
    send_deadline_seconds: float = Field(
        default=30,
        ge=0.01,
        le=600,
        description="time in which a client must receive a message, or send a request, before its connection is closed",
    )
    max_sockets: int = Field(default=10_000, ge=1, le=1_000_000, description="most open WebSockets and event streams in one process")
    max_sockets_per_user: int | None = Field(
        default=None, ge=1, le=1_000_000, description="most of these for one user (empty: nine tenths)"
    )
    max_operations_per_socket: int = Field(default=100, ge=1, le=10_000, description="most operations running at once on one WebSocket")
    max_running_operations: int = Field(
        default=200, ge=1, le=100_000, description="most queries and mutations running at once in one process (more are answered 503)"
    )
    heartbeat_seconds: float = Field(
        default=25, ge=0.01, le=600, description="time without changes after which a subscription sends a heartbeat"
    )
    drain_seconds: float = Field(default=0, ge=0, le=600, description="time at shutdown in which the server is not ready but still answers")
    shutdown_seconds: int = Field(default=10, ge=1, le=600, description="time at shutdown in which running requests and streams must end")
    ready_clock_lag_seconds: float = Field(
        default=60, ge=1, le=86_400, description="lag of the logical clock above which a server is not ready"
    )

    sqlite_synchronous: Annotated[Literal["normal", "full"], BeforeValidator(_lower)] = Field(
        default="normal", description="full: SQLite waits for the disk at each commit, normal: a power failure may undo the last commits"
    )
    pool_size: int = Field(default=10, ge=2, le=500, description="number of PostgreSQL connections of one process")
    clock_interval_seconds: float = Field(default=0.5, ge=0.01, le=60, description="time between two steps of the logical clock")
    build_online_above: int = Field(
        default=10_000, ge=0, le=1_000_000, description="number of records in an account above which groups are built in the background"
    )
    log_retention_events: int = Field(
        default=10_000, ge=1, le=10_000_000, description="number of latest events that each group keeps for replay"
    )
    bulk_undo_days: int = Field(default=30, ge=0, le=3_650, description="days for which bulk actions can be undone after their end")
    audit_log_days: int = Field(default=365, ge=1, le=36_500, description="days for which the audit log is kept")
    log_retention_hours: int = Field(default=168, ge=1, le=87_600, description="hours for which events are kept for replay")

    criteria_max_depth: int = Field(default=8, ge=1, le=64, description="greatest depth of a group's criteria")
    criteria_max_leaves: int = Field(default=250, ge=1, le=10_000, description="most conditions in a group's criteria")
    criteria_max_values: int = Field(default=1_000, ge=1, le=100_000, description="most values in one condition")
    criteria_max_value_bytes: int = Field(default=1_024, ge=1, le=65_536, description="largest value in a condition, in bytes")
    page_size_default: int = Field(default=50, ge=1, le=1_000, description="number of nodes on a page if neither first nor last is given")
    page_size_max: int = Field(default=250, ge=1, le=1_000, description="most nodes on a page")
    query_max_characters: int = Field(default=65_536, ge=1_000, le=10_000_000, description="most characters of a GraphQL document")
    query_max_tokens: int = Field(default=5_000, ge=100, le=1_000_000, description="most tokens of a GraphQL document")
    query_max_values: int = Field(
        default=64_000, ge=1_000, le=10_000_000, description="most values in the variables of a GraphQL operation"
    )
    query_max_depth: int = Field(default=15, ge=1, le=100, description="greatest depth of a GraphQL operation")
    query_max_aliases: int = Field(default=50, ge=1, le=10_000, description="most aliases in a GraphQL operation")
    query_max_cost: int = Field(default=250_000, ge=1_000, le=100_000_000, description="most points that a GraphQL operation may cost")
    rate_limit_points: int = Field(
        default=1_000_000, ge=0, le=1_000_000_000, description="points per minute for the operations of one token (0: no limit)"
    )
    rate_limit_requests: int = Field(
        default=60_000, ge=0, le=1_000_000_000, description="requests per minute from one address (0: no limit)"
    )

    rate_limit_failures: int = Field(
        default=60, ge=0, le=1_000_000, description="failed sign-ins per minute from one address (0: no limit)"
    )

    jwt_issuer: str | None = Field(
        default=None, max_length=2_000, description="identity provider whose JWTs are accepted, as in their iss claim"
    )
    jwt_audience: str | None = Field(default=None, max_length=2_000, description="required aud claim of its JWTs")
    jwt_keys_url: Annotated[str | None, AfterValidator(_keys_url)] = Field(
        default=None, description="URL of the identity provider's keys (its jwks_uri): https://host/path"
    )
    jwt_user_claim: Literal["email", "sub"] = Field(
        default="email", description="claim that identifies the user: email, if verified, or sub"
    )
    jwt_account_claim: str | None = Field(
        default=None, max_length=200, description="claim with the id of the account (empty: users must be in one account only)"
    )
    jwt_leeway_seconds: float = Field(default=30, ge=0, le=300, description="time by which the identity provider's clock may be ahead")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.workers > 1 and self.database_url.startswith("sqlite:"):
            raise ValueError(f"{PREFIX}WORKERS must be 1 with SQLite: set {PREFIX}DATABASE_URL to PostgreSQL for more")
        if len({bool(given) for given in (self.jwt_issuer, self.jwt_audience, self.jwt_keys_url)}) > 1:
            raise ValueError(f"{PREFIX}JWT_ISSUER, {PREFIX}JWT_AUDIENCE and {PREFIX}JWT_KEYS_URL go together: set all of them, or none")
        if self.page_size_default > self.page_size_max:
            raise ValueError(f"{PREFIX}PAGE_SIZE_DEFAULT is above {PREFIX}PAGE_SIZE_MAX")
        return self


def described() -> list[tuple[str, str, str]]:
    """Return every setting as (variable, default as written there, meaning), in the order of their declaration."""
    return [(PREFIX + name.upper(), _written(field.default), str(field.description)) for name, field in Settings.model_fields.items()]


def load_settings() -> Settings:
    """Read the settings. Raises `SettingsError` with one sentence for each invalid variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(" ".join(_sentence(problem["loc"], problem["msg"]) for problem in error.errors())) from None


def _written(default: object) -> str:
    return "" if default is None or default == () else str(default)


def _sentence(loc: tuple[int | str, ...], message: str) -> str:
    reason = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(loc[0]).upper()}: {reason}." if loc else f"{reason}."
