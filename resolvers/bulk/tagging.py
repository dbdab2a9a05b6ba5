"""Adding tags to many contacts and removing others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import NotFound
from models.fields import to_microseconds
from resolvers.bulk.outcome import Document, Outcome
from resolvers.criteria.mentions import Mention
from resolvers.membership.change import UPDATED_AT, Change
from resolvers.taggings import ADD, MARK_UPDATED

Pair = tuple[int, int]  # of contact and tag

EXISTING = "SELECT id FROM tags WHERE account_id = :account AND id = ANY(:tags)"
REMOVE = """
    DELETE FROM taggings WHERE account_id = :account AND contact_id = ANY(:contacts) AND tag_id = ANY(:tags)
    RETURNING contact_id, tag_id, tagged_at, tagged_by_id
"""
TAKE_BACK = """
    DELETE FROM taggings WHERE account_id = :account AND tagged_at = :at AND (contact_id, tag_id) IN
    (SELECT contact_id, tag_id FROM ROWS(:pairs AS given(contact_id bigint, tag_id bigint))) RETURNING contact_id, tag_id
"""
RESTORE = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT tags.account_id, given.contact_id, tags.id, given.tagged_at, users.id
    FROM ROWS(:taggings AS given(contact_id bigint, tag_id bigint, tagged_at bigint, tagged_by_id bigint))
    JOIN tags ON tags.id = given.tag_id LEFT JOIN users ON users.id = given.tagged_by_id
    WHERE true ON CONFLICT (contact_id, tag_id) DO NOTHING RETURNING contact_id, tag_id
"""


@dataclass(frozen=True, slots=True)
class TagChange:
    """Tags to add to contacts, and others to remove; a tag that a contact already carries keeps its time."""

    add: tuple[int, ...]
    remove: tuple[int, ...]

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"tags": {"add": self.add, "remove": self.remove}}

    async def carry_out(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Change the tags of these contacts."""
        given: dict[str, Any] = {"account": change.account_id, "contacts": contact_ids, "at": to_microseconds(change.at)}
        added: list[dict[str, int]] = []
        removed: list[dict[str, int]] = []
        if self.add:
            await self._require_tags(change)
            added = await change.database.rows(ADD, **given, tags=self.add, actor=change.actor_id)
        if self.remove:
            removed = await change.database.rows(REMOVE, **given, tags=self.remove)
        changed = await _note(change, [*_pairs(added), *_pairs(removed)])
        return Outcome(len(changed), inverse={"at": given["at"], "added": _pairs(added), "removed": removed})

    async def _require_tags(self, change: Change) -> None:
        found = await change.database.rows(EXISTING, account=change.account_id, tags=self.add)
        if len(found) < len(self.add):
            raise NotFound("A tag that was to be added has been deleted.")

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Remove the tags that were added, unless they were added anew since, and add those that were removed."""
        pairs: list[Pair] = [(contact_id, tag_id) for contact_id, tag_id in inverse["added"]]
        concerned = {contact_id for contact_id, _ in pairs} | {row["contact_id"] for row in inverse["removed"]}
        there = await change.lock_contacts(concerned)
        given = [{"contact_id": contact_id, "tag_id": tag_id} for contact_id, tag_id in pairs]
        taken = await change.database.rows(TAKE_BACK, account=change.account_id, at=inverse["at"], pairs=given) if given else []
        restored = await restore_taggings(change, [row for row in inverse["removed"] if row["contact_id"] in there])
        done = {*_pairs(taken), *restored}
        changed = await _note(change, done)
        left = {*pairs, *_pairs(inverse["removed"])} - done
        return Outcome(len(changed), kept=len({contact_id for contact_id, _ in left}))


async def restore_taggings(change: Change, taggings: Sequence[Document]) -> list[Pair]:
    """Bring back taggings with their time and their author; returns those that were missing, and whose tags exist."""
    return _pairs(await change.database.rows(RESTORE, taggings=taggings)) if taggings else []


def _pairs(rows: Iterable[Document]) -> list[Pair]:
    return [(row["contact_id"], row["tag_id"]) for row in rows]


async def _note(change: Change, pairs: Iterable[Pair]) -> set[int]:
    """Say which contacts' tags have changed, and return them."""
    changed = set()
    for contact_id, tag_id in pairs:
        change.touch(contact_id, Mention("tag", tag_id), UPDATED_AT)
        changed.add(contact_id)
    if changed:
        at = to_microseconds(change.at)
        await change.database.rows(MARK_UPDATED, at=at, account=change.account_id, contacts=sorted(changed))
    return changed
