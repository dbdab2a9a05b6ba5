"""Keeps the demo's access token in a file beside the database, so that every start shows the same one."""

from pathlib import Path
from urllib.parse import urlsplit

from app.demo.load import DEMO
from app.provisioning.accounts import accounts_named, as_owner
from app.provisioning.tokens import create_token
from models.engine.configuration import sqlite_path
from models.errors import Unauthenticated
from resolvers.access.sign_in import authenticate
from resolvers.operation.context import Services

READABLE_BY_OWNER = 0o600
SUFFIX = ".demo-token"
WITHOUT_FILE = Path("var")  # where tokens of databases that are not files are kept


async def demo_token(services: Services, path: Path) -> str | None:
    """Return a valid access token of the demo's owner, from the file or newly created.

    Returns None if there is no demo account.
    """
    kept = _read_token(path)
    if await _works(services, kept):
        return kept
    found = await accounts_named(DEMO.name)
    if not found:
        return None
    token = await create_token(await as_owner(services, found[0]), DEMO.name)
    _write_token(path, token)
    return token


def token_path(database_url: str) -> Path:
    """Return the path of the file with the token for this database."""
    if database_url.startswith("sqlite:"):
        path = sqlite_path(database_url)
        return path.with_name(path.name + SUFFIX)
    return WITHOUT_FILE / f"{urlsplit(database_url).path.strip('/')}{SUFFIX}"


async def _works(services: Services, token: str) -> bool:
    try:
        await authenticate(services, f"Bearer {token}")
    except Unauthenticated:
        return False
    return True


def _read_token(path: Path) -> str:
    """Return the token in the file, or an empty text if there is no file."""
    return path.read_text(encoding="ascii", errors="replace").strip() if path.is_file() else ""


def _write_token(path: Path, token: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=READABLE_BY_OWNER)
    path.chmod(READABLE_BY_OWNER)
    path.write_text(f"{token}\n", encoding="ascii")
