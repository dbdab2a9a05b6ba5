"""The compiled groups of an account, kept in each process and renewed when the account's definitions version moves."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from models import RecordType
from models.database import Database
from resolvers.criteria.limits import CriteriaLimits
from resolvers.criteria.mentions import Mention, mentions
from resolvers.criteria.names import load_vocabulary
from resolvers.criteria.parse import parse
from resolvers.criteria.predicate import Needs, Predicate, compile_predicate, needs
from resolvers.criteria.temporal import TemporalLeaf, temporal_leaves, zoned_leaves
from resolvers.criteria.tree import Tree

ANY_TAG = 0

VERSION = "SELECT id, definitions_version, timezone FROM accounts WHERE id = :account"
ACCOUNTS = "SELECT id, definitions_version FROM accounts WHERE id IN (SELECT account_id FROM groups) ORDER BY id"
GROUPS = "SELECT id, record_type, criteria FROM groups WHERE account_id = :account ORDER BY id"


@dataclass(frozen=True, slots=True)
class Definition:
    """One group's criteria, ready to judge records; `rank` is above that of every group it depends on."""

    group_id: int
    record_type: RecordType
    tree: Tree
    predicate: Predicate
    needs: Needs
    mentions: frozenset[Mention]
    rank: int


@dataclass(frozen=True, slots=True)
class AccountDefinitions:
    """All groups of an account at one definitions version."""

    version: int
    zone: ZoneInfo
    groups: dict[int, Definition]
    mentioning: dict[Mention, frozenset[int]] = field(default_factory=dict)
    temporal: dict[TemporalLeaf, frozenset[int]] = field(default_factory=dict)
    zoned: frozenset[int] = frozenset()

    def candidates(self, touched: Iterable[Mention]) -> set[int]:
        """The groups whose criteria mention any of these; no other group can be affected."""
        found: set[int] = set()
        for mention in touched:
            found |= self.mentioning.get(mention, frozenset())
            if mention.kind == "tag":
                found |= self.mentioning.get(Mention("tag", ANY_TAG), frozenset())
        return found

    def of(self, record_type: RecordType) -> set[int]:
        """The groups of this record type."""
        return {group_id for group_id, definition in self.groups.items() if definition.record_type is record_type}

    def mentioned_by(self, group_id: int) -> list[int]:
        """The groups that a group's criteria name."""
        definition = self.groups.get(group_id)
        return sorted(int(mention.key) for mention in definition.mentions if mention.kind == "group") if definition else []

    def dependants(self, group_ids: Iterable[int]) -> set[int]:
        """The groups that depend on these through any number of levels, these excluded unless they do."""
        found: set[int] = set()
        reached = set(group_ids)
        while reached:
            reached = self.candidates(Mention("group", group_id) for group_id in reached) - found
            found |= reached
        return found


class Definitions:
    """The compiled groups of every account that this process has served."""

    def __init__(self, limits: CriteriaLimits) -> None:
        self._limits = limits
        self._accounts: dict[int, AccountDefinitions] = {}

    async def current(self, database: Database, account_id: int) -> AccountDefinitions:
        """The account's groups as of this statement; inside a write the fence keeps them so until it ends."""
        return await self._at(database, await database.row(VERSION, account=account_id))

    async def _at(self, database: Database, row: dict[str, Any]) -> AccountDefinitions:
        known = self._accounts.get(row["id"])
        if known is None or known.version != row["definitions_version"]:
            known = await self.load(database, row["id"])
            self._accounts[row["id"]] = known
        return known

    async def temporal(self, database: Database) -> dict[int, AccountDefinitions]:
        """The accounts with groups whose membership changes as time passes."""
        found = {row["id"]: await self._at(database, row) for row in await database.rows(ACCOUNTS)}
        return {account_id: definitions for account_id, definitions in found.items() if definitions.temporal}

    async def using(self, database: Database, account_id: int, mention: Mention) -> list[int]:
        """The groups whose criteria mention this, ascending."""
        return sorted((await self.current(database, account_id)).mentioning.get(mention, frozenset()))

    async def zoned(self, database: Database, account_id: int) -> list[int]:
        """The groups whose criteria mean something else in another time zone, ascending."""
        return sorted((await self.current(database, account_id)).zoned)

    async def load(self, database: Database, account_id: int) -> AccountDefinitions:
        """The account's groups as the running transaction sees them, bypassing what is kept."""
        row = await database.row(VERSION, account=account_id)
        groups = await database.rows(GROUPS, account=account_id)
        documents = [orjson.loads(group["criteria"]) for group in groups]
        vocabulary = await load_vocabulary(database, account_id, documents)
        trees = {
            group["id"]: parse(document, vocabulary, self._limits, stored=True) for group, document in zip(groups, documents, strict=True)
        }
        return compile_definitions(row["definitions_version"], ZoneInfo(row["timezone"]), trees)


def compile_definitions(version: int, zone: ZoneInfo, trees: dict[int, Tree]) -> AccountDefinitions:
    """Everything that settling asks of these groups."""
    ranks = _ranks({group_id: mentions(tree) for group_id, tree in trees.items()})
    groups = {group_id: _compile(group_id, tree, ranks[group_id]) for group_id, tree in trees.items()}
    mentioning: defaultdict[Mention, set[int]] = defaultdict(set)
    temporal: defaultdict[TemporalLeaf, set[int]] = defaultdict(set)
    for group_id, definition in groups.items():
        for mention in definition.mentions:
            mentioning[mention].add(group_id)
        for leaf in temporal_leaves(definition.tree):
            temporal[leaf].add(group_id)
    return AccountDefinitions(
        version=version,
        zone=zone,
        groups=groups,
        mentioning={mention: frozenset(found) for mention, found in mentioning.items()},
        temporal={leaf: frozenset(found) for leaf, found in temporal.items()},
        zoned=frozenset(group_id for group_id, tree in trees.items() if zoned_leaves(tree)),
    )


def _compile(group_id: int, tree: Tree, rank: int) -> Definition:
    return Definition(group_id, tree.record_type, tree, compile_predicate(tree), needs(tree), mentions(tree), rank)


def _ranks(mentioned: dict[int, frozenset[Mention]]) -> dict[int, int]:
    below = {group_id: [int(mention.key) for mention in found if mention.kind == "group"] for group_id, found in mentioned.items()}
    return {group_id: rank for rank, group_id in enumerate(TopologicalSorter(below).static_order())}
