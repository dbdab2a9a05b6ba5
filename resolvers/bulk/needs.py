"""What a bulk action refers to: where anything of it is gone, the action would become another one, and goes no further."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from models.errors import NotFound
from resolvers.criteria.language.mentions import ANY_TAG, mentions
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.rendering.words import listing
from resolvers.membership.change import Change

WORDS = {"tag": "tag", "custom": "custom field", "group": "group"}

# Groups are told without their names, which not everybody may know who reads why an action has failed.
EXISTING = """
    SELECT 'tag' AS kind, id, name FROM tags WHERE account_id = :account AND id = ANY(:tag)
    UNION ALL SELECT 'custom', id, label FROM custom_fields WHERE account_id = :account AND id = ANY(:custom)
    UNION ALL SELECT 'group', id, '' FROM groups WHERE account_id = :account AND id = ANY(:group)
"""


class Need(NamedTuple):
    """A tag, custom field or group, and what it was called when the action started, if that is known and may be told."""

    kind: str
    id: int
    name: str = ""


def needs_of(tree: Tree) -> frozenset[Need]:
    """What criteria name. A tag that is gone is carried by nobody, so that without this they may hold for everybody."""
    return frozenset(Need(kind, int(key)) for kind, key in mentions(tree) if kind in WORDS and key != ANY_TAG)


def stored_needs(document: Mapping[str, Any]) -> list[Need]:
    """The needs that were stored with a change."""
    return [Need(*need) for need in document.get("needs", ())]


async def look_up(change: Change, needs: Collection[Need]) -> list[Need]:
    """The same with the names that they have, all of which exist until the write ends; `NotFound` tells what is gone."""
    if not needs:
        return []
    ids = {kind: [need.id for need in needs if need.kind == kind] for kind in WORDS}
    found = [Need(**row) for row in await change.database.rows(EXISTING, account=change.account_id, **ids)]
    present = {need[:2] for need in found}
    gone = sorted(need for need in needs if need[:2] not in present)
    if gone:
        raise NotFound(f"This no longer exists: {listing([*_said(gone)], 'and')}. It may have been deleted, or merged into another.")
    return found


def _said(needs: Collection[Need]) -> Iterator[str]:
    return (f"the {WORDS[need.kind]} {need.name}" if need.name else f"a {WORDS[need.kind]}" for need in needs)
