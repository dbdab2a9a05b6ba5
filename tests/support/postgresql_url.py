"""The parts of a PostgreSQL server's URL, for tests that put something between the server and its clients."""

from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit


class ServerAddress(NamedTuple):
    """Where a server listens, a directory of Unix sockets or a host, and as whom to reach which database there."""

    host: str
    port: int
    credentials: str
    database: str

    def through(self, port: int) -> str:
        """The URL of the same database, reached through another port of this machine."""
        return f"postgresql://{self.credentials}@127.0.0.1:{port}/{self.database}"


def server_address(url: str) -> ServerAddress:
    """The parts of a URL as the test server has it."""
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    credentials = parts.netloc.rpartition("@")[0]
    port = int(options.get("port") or parts.port or 5432)
    return ServerAddress(options.get("host") or parts.hostname or "127.0.0.1", port, credentials, parts.path.lstrip("/"))
