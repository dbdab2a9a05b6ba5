"""The demo's access token, kept in a file beside the database so that every run shows the same one."""

from pathlib import Path

from app.commands.accounts import accounts_named, as_owner, create_token
from app.demo.load import DEMO
from models.database import Database
from models.errors import Unauthenticated
from resolvers.access import authenticate
from resolvers.context import Services

READABLE_BY_OWNER = 0o600
SUFFIX = ".demo-token"
ELSEWHERE = Path("var")  # for databases that are no file


async def demo_token(services: Services, database_name: str) -> str | None:
    """A token of the demo's owner that works: the one in the file or else a new one; None without a demo account."""
    path = token_path(services.database, database_name)
    kept = path.read_text(encoding="ascii", errors="replace").strip() if path.is_file() else ""
    if await _works(services, kept):
        return kept
    found = await accounts_named(DEMO.name)
    if not found:
        return None
    token = await create_token(await as_owner(services, found[0]), "Demo", None)
    _keep(path, token)
    return token


def token_path(database: Database, name: str) -> Path:
    """Where the token of this database is kept."""
    return database.path.with_name(database.path.name + SUFFIX) if database.path else ELSEWHERE / f"{name}{SUFFIX}"


async def _works(services: Services, token: str) -> bool:
    try:
        await authenticate(services, f"Bearer {token}")
    except Unauthenticated:
        return False
    return True


def _keep(path: Path, token: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=READABLE_BY_OWNER)
    path.chmod(READABLE_BY_OWNER)
    path.write_text(f"{token}\n", encoding="ascii")
