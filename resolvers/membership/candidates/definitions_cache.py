"""The cache of compiled groups, by account. Only groups that changed since the cached version are compiled again."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from models.engine.database import Database, Row
from models.event_loop import by_size
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.mentions import Mention
from resolvers.criteria.language.names import Vocabulary, load_vocabulary
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import RecordTypes
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition, compile_definition

ACCOUNT = "SELECT id, definitions_version, timezone FROM accounts WHERE id = :account"
ACCOUNTS = "SELECT id, definitions_version, timezone FROM accounts WHERE id IN (SELECT account_id FROM groups) ORDER BY id"
# A group without a set of members is being built for the first time: its build is settled instead of it.
CHANGED = """
    SELECT id, criteria, members_id, replaces_id FROM groups
    WHERE account_id = :account AND definition_version > :version AND members_id <> 0 ORDER BY id
"""
COUNT = "SELECT count(*) AS count FROM groups WHERE account_id = :account AND members_id <> 0"
IDS = "SELECT id FROM groups WHERE account_id = :account AND members_id <> 0"

PART = 20  # groups that are indexed without a pause, which takes about two milliseconds

NOTHING = AccountDefinitions(version=-1, zone=ZoneInfo("UTC"))


class DefinitionsCache:
    """The compiled groups of every account that this process has served."""

    def __init__(self, limits: CriteriaLimits, record_types: RecordTypes) -> None:
        self._limits = limits
        self.record_types = record_types
        self._accounts: dict[int, AccountDefinitions] = {}

    async def current(self, database: Database, account_id: int) -> AccountDefinitions:
        """The account's groups as they are now. Inside a write they stay so until it ends, because of the fence."""
        return await self._cached(database, await database.row(ACCOUNT, account=account_id))

    def known(self, account_id: int) -> AccountDefinitions:
        """The account's groups as they are cached. They may be outdated."""
        return self._accounts.get(account_id, NOTHING)

    async def temporal(self, database: Database) -> dict[int, AccountDefinitions]:
        """The groups of accounts with memberships that time changes, by account."""
        found = {row["id"]: await self._cached(database, row) for row in await database.rows(ACCOUNTS)}
        return {account_id: definitions for account_id, definitions in found.items() if definitions.temporal}

    async def using(self, database: Database, account_id: int, mention: Mention) -> list[int]:
        """The groups whose criteria mention this, or whose next criteria do, ascending."""
        definitions = await self.current(database, account_id)
        return _visible(definitions.groups[group_id] for group_id in definitions.mentioning(mention))

    async def zoned(self, database: Database, account_id: int) -> list[int]:
        """The groups whose members depend on the account's time zone, ascending."""
        groups = (await self.current(database, account_id)).groups.values()
        return _visible(definition for definition in groups if definition.is_zoned)

    async def uncommitted(self, database: Database, account_id: int) -> AccountDefinitions:
        """The account's groups as the running transaction leaves them. They are not cached, because it may be rolled back."""
        return await self._renewed(database, await database.row(ACCOUNT, account=account_id))

    def keep(self, account_id: int, definitions: AccountDefinitions) -> None:
        """Cache definitions that have been committed, unless a later version is cached already."""
        if definitions.version > self._accounts.get(account_id, NOTHING).version:
            self._accounts[account_id] = definitions

    async def fresh(self, database: Database, account_id: int) -> AccountDefinitions:
        """All of the account's groups, compiled from what is stored without the cache."""
        return await DefinitionsCache(self._limits, self.record_types).current(database, account_id)

    async def _cached(self, database: Database, row: dict[str, Any]) -> AccountDefinitions:
        known = self._accounts.get(row["id"], NOTHING)
        if known.version != row["definitions_version"]:
            known = await self._renewed(database, row)
            self._accounts[row["id"]] = known
        return known

    async def _renewed(self, database: Database, row: dict[str, Any]) -> AccountDefinitions:
        known = self._accounts.get(row["id"], NOTHING)
        changed = await self._compiled(database, row["id"], known.version)
        version, zone = row["definitions_version"], ZoneInfo(row["timezone"])
        known = known.renewed(version, zone, changed={}, gone=await _deleted(database, row["id"], known.groups, changed))
        for part in _parts(changed):
            renewed = partial(known.renewed, version, zone, changed={each: found.definition for each, found in part.items()}, gone=())
            known = await by_size(max(found.size for found in part.values()), renewed)
        return known

    async def _compiled(self, database: Database, account_id: int, version: int) -> dict[int, "_Compiled"]:
        groups = await database.rows(CHANGED, account=account_id, version=version)
        documents = [orjson.loads(group["criteria"]) for group in groups]
        vocabulary = await load_vocabulary(database, self.record_types, account_id, documents)
        found = {}
        for group, document in zip(groups, documents, strict=True):
            size = len(group["criteria"])
            found[group["id"]] = _Compiled(size, await by_size(size, partial(self._compile, group, document, vocabulary)))
        return found

    def _compile(self, group: Row, document: Any, vocabulary: Vocabulary) -> Definition:
        return compile_definition(
            group["id"],
            parse(document, vocabulary, self._limits, stored=True),
            members_id=group["members_id"],
            replaces_id=group["replaces_id"],
        )


class _Compiled(NamedTuple):
    """A compiled group, and how long its criteria are in JSON."""

    size: int
    definition: Definition


def _visible(definitions: Iterable[Definition]) -> list[int]:
    """The ids of the groups, with the ids of the groups that they replace for those that are hidden."""
    return sorted({definition.replaces_id or definition.group_id for definition in definitions})


def _parts(changed: Mapping[int, _Compiled]) -> Iterator[dict[int, _Compiled]]:
    items = iter(changed.items())
    while part := dict(islice(items, PART)):
        yield part


async def _deleted(database: Database, account_id: int, known: Collection[int], changed: Collection[int]) -> set[int]:
    count = len(known) + sum(group_id not in known for group_id in changed)
    if (await database.row(COUNT, account=account_id))["count"] == count:
        return set()
    return {*known} - {row["id"] for row in await database.rows(IDS, account=account_id)}
