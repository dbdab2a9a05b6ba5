"""The settings, each with its unit, default, bounds and meaning. They are read once, at start, from MUSTER_ variables or `.env`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.settings import forms
from models.errors import Unavailable

PREFIX = "MUSTER_"


class SettingsError(Unavailable):
    """A setting has an unusable value. The message names its variable."""


AtCommas = BeforeValidator(forms.split_at_commas)
Origins = Annotated[tuple[Annotated[str, AfterValidator(forms.origin)], ...], NoDecode, AtCommas, Field(max_length=100)]
Proxies = Annotated[tuple[Annotated[str, AfterValidator(forms.network)], ...], NoDecode, AtCommas, Field(max_length=100)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(forms.lower_case)]


class Settings(BaseSettings):
    """All settings. Values given here override the environment, and the environment overrides `.env`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(forms.database_url)] = Field(
        default="sqlite:///muster.db", repr=False, description=f"the database: {forms.DATABASE_URLS} (?host=/directory for a socket)"
    )
    host: str = Field(default="127.0.0.1", min_length=1, max_length=253, description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65_535, description="port to listen on (0: a free one)")
    workers: int = Field(default=1, ge=1, le=64, description="number of server processes (more than one needs PostgreSQL)")
    bus_url: Annotated[str | None, AfterValidator(forms.bus_url)] = Field(
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
    max_sockets_before_sign_in: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="most open WebSockets that have not signed in, besides those that have (empty: a tenth as many, and at least 100)",
    )
    max_operations_per_socket: int = Field(default=100, ge=1, le=10_000, description="most operations running at once on one WebSocket")
    max_running_operations: int = Field(
        default=8, ge=1, le=100_000, description="most queries and mutations running at once in one process (further ones wait)"
    )
    max_waiting_operations: int = Field(
        default=400, ge=0, le=100_000, description="most queries and mutations waiting in one process (more are answered 503)"
    )
    request_deadline_seconds: float = Field(
        default=30, ge=0.1, le=3_600, description="time in which a query, a mutation or the answer to an event must be ready"
    )
    answer_max_bytes: int = Field(default=2**24, ge=2**16, le=2**30, description="largest answer to one operation, in bytes")
    answers_max_bytes_per_user: int = Field(
        default=2**26, ge=2**16, le=2**34, description="most bytes of one user's answers that are put together or not read yet"
    )
    answers_max_bytes: int = Field(default=3 * 2**26, ge=2**16, le=2**36, description="most bytes of all such answers in one process")
    subscriptions_max_bytes: int = Field(
        default=2**28, ge=2**20, le=2**36, description="most bytes that running subscriptions keep in one process"
    )
    subscriptions_max_bytes_per_user: int | None = Field(
        default=None, ge=2**16, le=2**36, description="most of these for one user (empty: seven eighths)"
    )
    heartbeat_seconds: float = Field(
        default=25, ge=0.01, le=600, description="time without changes after which a subscription sends a heartbeat"
    )
    drain_seconds: float = Field(default=0, ge=0, le=600, description="time at shutdown in which the server is not ready but still answers")
    shutdown_seconds: int = Field(default=10, ge=1, le=600, description="time at shutdown in which running requests and streams must end")
    ready_clock_lag_seconds: float = Field(
        default=60, ge=1, le=86_400, description="lag of the logical clock above which a server is not ready"
    )

    sqlite_synchronous: Annotated[Literal["normal", "full"], BeforeValidator(forms.lower_case)] = Field(
        default="normal", description="full: SQLite waits for the disk at each commit, normal: a power failure may undo the last commits"
    )
    pool_size: int = Field(default=10, ge=2, le=500, description="number of PostgreSQL connections of one process")
    clock_interval_seconds: float = Field(default=0.5, ge=0.01, le=60, description="time between two steps of the logical clock")
    clock_max_jump_seconds: float = Field(
        default=3_600,
        ge=1,
        le=86_400,
        description="time by which this machine's clock may jump ahead before the logical clock stops following it",
    )
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
    criteria_max_patterns: int = Field(
        default=250, ge=1, le=10_000, description="most texts for contains and endsWith, in all conditions of a group's criteria together"
    )
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
    jwt_keys_url: Annotated[str | None, AfterValidator(forms.keys_url)] = Field(
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
        if not self.answer_max_bytes <= self.answers_max_bytes_per_user <= self.answers_max_bytes:
            names = f"ANSWER_MAX_BYTES, {PREFIX}ANSWERS_MAX_BYTES_PER_USER and {PREFIX}ANSWERS_MAX_BYTES"
            raise ValueError(f"{PREFIX}{names} must be given in ascending order")
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
        sentences = [_sentence(problem["loc"], _reason(problem["msg"], **problem.get("ctx", {}))) for problem in error.errors()]
        raise SettingsError(" ".join(sentences)) from None


def _written(default: object) -> str:
    return "" if default is None or default == () else str(default)


def _reason(message: str, *, error: object = None, **_context: object) -> str:
    # The context of an error that a check has raised holds it. In the message, pydantic puts words of its own before it.
    return message if error is None else str(error)


def _sentence(loc: tuple[int | str, ...], reason: str) -> str:
    return f"{PREFIX}{str(loc[0]).upper()}: {reason}." if loc else f"{reason}."
