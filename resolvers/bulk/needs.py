"""What a bulk action refers to. Without any one of these it would do something else, so it stops when one is gone."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from models.errors import NotFound
from resolvers.bulk.statements import EXISTING_NEEDS
from resolvers.criteria.language.mentions import ANY_TAG, mentions
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.rendering.words import listing
from resolvers.membership.change import Change

NOUNS = {"tag": "tag", "custom": "custom field", "group": "group"}


class Need(NamedTuple):
    """A tag, custom field or group, with the name that it had when the action started. The name may be empty."""

    kind: str
    id: int
    name: str = ""


def needs_of(tree: Tree) -> frozenset[Need]:
    """What criteria name. No contact has a deleted tag, so that criteria may select everybody once it is gone."""
    return frozenset(Need(kind, int(key)) for kind, key in mentions(tree) if kind in NOUNS and key != ANY_TAG)


def stored_needs(document: Mapping[str, Any]) -> list[Need]:
    """The needs that were stored with a change."""
    return [Need(*need) for need in document.get("needs", ())]


async def check_needs(change: Change, needs: Collection[Need]) -> list[Need]:
    """The needs with their present names. Raises `NotFound` if one no longer exists."""
    if not needs:
        return []
    ids = {kind: [need.id for need in needs if need.kind == kind] for kind in NOUNS}
    found = [Need(**row) for row in await change.database.rows(EXISTING_NEEDS, account=change.account_id, **ids)]
    present = {need[:2] for need in found}
    gone = sorted(need for need in needs if need[:2] not in present)
    if gone:
        raise NotFound(f"This no longer exists: {listing([*_phrases(gone)], 'and')}. It may have been deleted, or merged into another.")
    return found


def _phrases(needs: Collection[Need]) -> Iterator[str]:
    return (f"the {NOUNS[need.kind]} {need.name}" if need.name else f"a {NOUNS[need.kind]}" for need in needs)
