"""Databases of earlier releases: their data as files, loading it with plain SQL, and what a client reads of it.

A file under tests/golden/releases holds the migrations of a release by name, the rows of every table, and what the API answered at the
release. Values are those that both engines store: numbers, texts, truth values and null. Bytes are written as {"hex": text}.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from app.graphql import GraphQLApp
from app.graphql.transport.limits import TransportLimits
from models import migrations
from models.engine.configuration import APP, CONNECTION, MODULES
from models.engine.database import Database
from resolvers.access.sign_in import authenticate
from resolvers.operation.context import Context, Services
from tests.support.graphql import schema
from tests.support.http_client import web_client

FOLDER = Path(__file__).parents[1] / "golden" / "releases"
Release = dict[str, Any]
COLUMNS = {
    "sqlite": """SELECT m.name AS "table", c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'""",
    "postgresql": """SELECT table_name AS "table", column_name AS name FROM information_schema.columns WHERE table_schema = 'public'""",
}
SET_LAST_ID = {
    "sqlite": "UPDATE sqlite_sequence SET seq = :last WHERE name = :table",
    "postgresql": "SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)",
}

# All that an account shows to its owner, but the time of a token's last use, which reading changes, and sentences, which may be reworded.
EVERYTHING = """
{
  viewer { account { id name timezone } user { id } role }
  users { id name email role subject }
  accessTokens { id name createdAt expiresAt scopes user { id } }
  tags(first: 50) { nodes { id name description color createdAt updatedAt contactCount usedBy { id } } }
  contacts(first: 50) { nodes {
    id createdAt updatedAt email firstName lastName phone company jobTitle address city state country postalCode timezone website
    source status score spent birthday lastActivityAt owner { id } customFields taggings { taggedAt tag { id } taggedBy { id } }
    groups(first: 50) { nodes { id } } appointments(first: 50) { nodes { id } }
  } }
  appointments(first: 50) { nodes { id createdAt updatedAt title location status startsAt endsAt contact { id } } }
  groups(first: 50) { nodes {
    id name recordType criteria state memberCount version createdAt updatedAt owner { id } viewerCanEdit cursor
    permission { view { ...audience } edit { ...audience } } members(first: 50) { totalCount edges { joinedAt node { id } } }
  } }
  fields: segmentFields(recordType: CONTACT) { key label type choices isCustom }
  found: contacts(search: "gle", first: 50) { nodes { id } }
  bulkActions(first: 50) { nodes {
    id state total processed changed createdAt startedAt finishedAt error startedBy { id } undoes { id } undoneBy { id }
  } }
  auditLog(first: 100) { nodes { id occurredAt action subjectId subjectName before after actor { id } accessTokenId } }
}
fragment audience on Audience { everyone onlyOwner roles users { id } }
"""


class Client(NamedTuple):
    """A client of the application in this process, which sends operations over HTTP with an access token."""

    http: httpx.AsyncClient
    context: Context  # for streams, of which HTTP in this process returns nothing until they end

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = (await self.http.post("/", json={"query": query, "variables": variables})).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def read_everything(self) -> dict[str, Any]:
        """All that the account shows to its owner, without the fields that every account has."""
        found = await self.ask(EVERYTHING)
        return {**found, "fields": [each for each in found["fields"] if each["isCustom"]]}


@asynccontextmanager
async def client_of(services: Services, secret: str) -> AsyncIterator[Client]:
    """Run the application without its background jobs, and yield a client of it."""

    async def signed_in(authorization: str | None, _address: str) -> Context:
        return await authenticate(services, authorization)

    transport = httpx.ASGITransport(GraphQLApp(schema(), signed_in, TransportLimits()))
    headers = {"Authorization": f"Bearer {secret}"}
    async with web_client(transport=transport, base_url="http://test", headers=headers) as http:
        yield Client(http, await authenticate(services, headers["Authorization"]))


async def migrate_to(database: Database, name: str) -> None:
    """Apply a migration and those before it."""
    config = {APP: {"models": MODULES, "default_connection": CONNECTION, "migrations": migrations.__name__}}
    await MigrationExecutor(database.connection, config).migrate([MigrationTarget(APP, name)])


async def restore(database: Database, release: Release) -> None:
    """Make an empty database one of the release, as restoring a backup does: its schema, its rows, and the last ids it gave out."""
    await migrate_to(database, release["migrations"][-1])
    async with database.transaction():
        for table, content in release["tables"].items():
            columns = ", ".join(f'"{name}"' for name in content["columns"])
            names = [f"value{number}" for number in range(len(content["columns"]))]
            insert = f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join(f":{name}" for name in names)})'
            for row in content["rows"]:
                await database.rows(insert, **dict(zip(names, map(_stored, row), strict=True)))
        for table, last in release["last_ids"].items():
            await database.rows(SET_LAST_ID[database.engine], table=table, last=last)


def _stored(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


async def columns_with_values(database: Database) -> dict[tuple[str, str], bool]:
    """All columns of all tables, and whether a row has a value there."""
    columns = [(row["table"], row["name"]) for row in await database.rows(COLUMNS[database.engine])]
    counted = 'SELECT count("{1}") AS n FROM "{0}"'
    return {column: (await database.row(counted.format(*column)))["n"] > 0 for column in columns}
