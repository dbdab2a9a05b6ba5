"""References to tags, by id or by name, as clients send them. All of a request are looked up in one statement."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.engine.database import Row
from models.errors import ProblemCode
from models.fields import to_microseconds
from models.ids import number_of
from models.text import fold, storable
from resolvers.membership.change import Change
from resolvers.values.validation import Problems, required_text

TagRef = Mapping[str, str]  # {"id": ...} or {"name": ...}

LONGEST_NAME = 100
MOST_TAGS = 100  # in one list, so that a row of an import stays small

FIND = """
    SELECT id, name_folded FROM tags WHERE account_id = :account AND id = ANY(:tag_ids) UNION ALL
    SELECT id, name_folded FROM tags WHERE account_id = :account AND name_folded = ANY(:tag_names AS text)
"""
CREATE = """
    INSERT INTO tags (account_id, name, name_folded, created_at, updated_at)
    SELECT account_id, name, name_folded, created_at, updated_at
    FROM ROWS(:tags AS wanted(account_id bigint, name text, name_folded text, created_at bigint, updated_at bigint))
    WHERE true ON CONFLICT (account_id, name_folded) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class FoundTags:
    """Those of the referenced tags that exist."""

    ids: frozenset[int]
    ids_by_name: Mapping[str, int]

    def id_of(self, ref: TagRef) -> int | None:
        """Return the id of the tag that a reference names, or None."""
        if (name := ref.get("name")) is not None:
            return self.ids_by_name.get(fold(name))
        number = number_of(ref.get("id") or "", "Tag")
        return number if number in self.ids else None

    def all_of(self, refs: Iterable[TagRef]) -> set[int] | None:
        """Return the ids of all these tags, or None if one is missing."""
        found = {self.id_of(ref) for ref in refs}
        return None if None in found else {tag_id for tag_id in found if tag_id is not None}

    def ids_of(self, refs: Sequence[TagRef], problems: Problems, *path: str) -> set[int]:
        """Return the ids of the tags that exist, and note the others as problems."""
        found = [self.id_of(ref) for ref in refs]
        for index, (ref, tag_id) in enumerate(zip(refs, found, strict=True)):
            if tag_id is None:
                problems.note(ProblemCode.NOT_FOUND, f"There is no tag {_written(ref)}. Create it first.", *path, str(index), *ref)
        return {tag_id for tag_id in found if tag_id is not None}


def _written(ref: TagRef) -> str:
    return f"named {ref['name'][:LONGEST_NAME]!r}" if ref.get("name") is not None else "with this id"


async def find_tags(change: Change, refs: Iterable[TagRef]) -> FoundTags:
    """Look up the referenced tags in one statement."""
    wanted = list(refs)
    return found_tags(await change.database.rows(FIND, account=change.account_id, **find_parameters(wanted)) if wanted else ())


def find_parameters(refs: Collection[TagRef]) -> dict[str, list[int] | list[str]]:
    """Return the parameters of `FIND` for these references."""
    ids, names = ({said for ref in refs if (said := ref.get(by)) is not None} for by in ("id", "name"))
    numbers = {number for said in ids if (number := number_of(said, "Tag")) is not None}
    return {"tag_ids": sorted(numbers), "tag_names": sorted({fold(name) for name in names if storable(name)} - {""})}


def found_tags(rows: Collection[Row]) -> FoundTags:
    """Return the tags in the rows of `FIND`."""
    return FoundTags(frozenset(row["id"] for row in rows), {row["name_folded"]: row["id"] for row in rows})


def missing_names(refs: Sequence[TagRef], known: FoundTags, problems: Problems, *path: str) -> dict[str, str]:
    """Return the names of tags to create, by their folded form, and note names that are not allowed as problems."""
    found: dict[str, str] = {}
    for index, ref in enumerate(refs):
        if ref.get("name") is not None and known.id_of(ref) is None:
            name = problems.attempt(tag_name, ref["name"], *path, str(index), "name")
            if name is not None:
                found.setdefault(fold(name), name)
    return found


def tag_name(value: object) -> str:
    """Check the name of a tag."""
    return required_text(value, LONGEST_NAME).strip()


def check_count(refs: Sequence[TagRef], problems: Problems, *path: str, most: int = MOST_TAGS) -> None:
    """Note a problem if the list holds too many tags."""
    if len(refs) > most:
        problems.note(ProblemCode.LIMIT_EXCEEDED, f"These are {len(refs):,} tags. Name at most {most:,} at once.", *path)


async def create_tags(change: Change, names: Mapping[str, str]) -> None:
    """Create tags with these names, given by their folded form. A name that exists by then is left as it is."""
    at = to_microseconds(change.at)
    tags = [
        {"account_id": change.account_id, "name": name, "name_folded": folded, "created_at": at, "updated_at": at}
        for folded, name in sorted(names.items())  # in the same order in every write, so that writers cannot deadlock
    ]
    await change.database.rows(CREATE, tags=tags)
