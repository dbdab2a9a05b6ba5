"""What must be read of a contact before criteria can be evaluated in memory."""

from dataclasses import dataclass

from resolvers.criteria.language.record_types import RecordType
from resolvers.criteria.language.tree import Condition, Custom, Groups, Related, TaggedAt, Tags, Tree, walk


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be read of a contact besides its columns: `owned` are the types of its records."""

    tags: bool = False
    custom: bool = False
    groups: bool = False
    owned: frozenset[RecordType] = frozenset()

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.tags or other.tags,
            self.custom or other.custom,
            self.groups or other.groups,
            self.owned | other.owned,
        )


def needs(tree: Tree) -> Needs:
    """What the predicate of a tree reads."""
    sources = [node.source for node in walk(tree.root) if isinstance(node, Condition)]
    return Needs(
        tags=any(isinstance(source, Tags | TaggedAt) for source in sources),
        custom=any(isinstance(source, Custom) for source in sources),
        groups=any(isinstance(source, Groups) for source in sources),
        owned=frozenset(node.record_type for node in walk(tree.root) if isinstance(node, Related)),
    )
