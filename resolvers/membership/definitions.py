"""The compiled groups of every account that this process has served, renewed when an account's definitions version moves."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from models.database import Database
from resolvers.criteria.limits import CriteriaLimits
from resolvers.criteria.mentions import Mention
from resolvers.criteria.names import load_vocabulary
from resolvers.criteria.parse import parse
from resolvers.membership.index import AccountDefinitions, Definition, compile_definition

ACCOUNT = "SELECT id, definitions_version, timezone FROM accounts WHERE id = :account"
ACCOUNTS = "SELECT id, definitions_version, timezone FROM accounts WHERE id IN (SELECT account_id FROM groups) ORDER BY id"
CHANGED = "SELECT id, criteria FROM groups WHERE account_id = :account AND definition_version > :version ORDER BY id"
COUNT = "SELECT count(*) AS count FROM groups WHERE account_id = :account"
IDS = "SELECT id FROM groups WHERE account_id = :account"

NOTHING = AccountDefinitions(version=-1, zone=ZoneInfo("UTC"))


class Definitions:
    """What settling works with, account by account; only groups that changed are compiled again."""

    def __init__(self, limits: CriteriaLimits) -> None:
        self._limits = limits
        self._accounts: dict[int, AccountDefinitions] = {}

    async def current(self, database: Database, account_id: int) -> AccountDefinitions:
        """The account's groups as of this statement; inside a write the fence keeps them so until it ends."""
        return await self._kept(database, await database.row(ACCOUNT, account=account_id))

    async def temporal(self, database: Database) -> dict[int, AccountDefinitions]:
        """The accounts with groups whose membership changes as time passes."""
        found = {row["id"]: await self._kept(database, row) for row in await database.rows(ACCOUNTS)}
        return {account_id: definitions for account_id, definitions in found.items() if definitions.temporal}

    async def using(self, database: Database, account_id: int, mention: Mention) -> list[int]:
        """The groups whose criteria mention this, ascending."""
        return sorted((await self.current(database, account_id)).mentioning.get(mention, frozenset()))

    async def zoned(self, database: Database, account_id: int) -> list[int]:
        """The groups whose criteria mean something else in another time zone, ascending."""
        groups = (await self.current(database, account_id)).groups.values()
        return sorted(definition.group_id for definition in groups if definition.is_zoned)

    async def uncommitted(self, database: Database, account_id: int) -> AccountDefinitions:
        """The account's groups as the running transaction leaves them; not kept, because it may yet be rolled back."""
        return await self._renewed(database, await database.row(ACCOUNT, account=account_id))

    def keep(self, account_id: int, definitions: AccountDefinitions) -> None:
        """Keep what has been committed, unless something later is known already."""
        if definitions.version > self._accounts.get(account_id, NOTHING).version:
            self._accounts[account_id] = definitions

    async def fresh(self, database: Database, account_id: int) -> AccountDefinitions:
        """All of the account's groups, compiled anew from what is stored."""
        return await Definitions(self._limits).current(database, account_id)

    async def _kept(self, database: Database, row: dict[str, Any]) -> AccountDefinitions:
        known = self._accounts.get(row["id"], NOTHING)
        if known.version != row["definitions_version"]:
            known = await self._renewed(database, row)
            self._accounts[row["id"]] = known
        return known

    async def _renewed(self, database: Database, row: dict[str, Any]) -> AccountDefinitions:
        known = self._accounts.get(row["id"], NOTHING)
        changed = await self._compiled(database, row["id"], known.version)
        gone = await _gone(database, row["id"], known.groups.keys() | changed.keys())
        return known.renewed(row["definitions_version"], ZoneInfo(row["timezone"]), changed=changed, gone=gone)

    async def _compiled(self, database: Database, account_id: int, version: int) -> dict[int, Definition]:
        groups = await database.rows(CHANGED, account=account_id, version=version)
        documents = [orjson.loads(group["criteria"]) for group in groups]
        vocabulary = await load_vocabulary(database, account_id, documents)
        return {
            group["id"]: compile_definition(group["id"], parse(document, vocabulary, self._limits, stored=True))
            for group, document in zip(groups, documents, strict=True)
        }


async def _gone(database: Database, account_id: int, known: Iterable[int]) -> set[int]:
    known = set(known)
    if (await database.row(COUNT, account=account_id))["count"] == len(known):
        return set()
    return known - {row["id"] for row in await database.rows(IDS, account=account_id)}
