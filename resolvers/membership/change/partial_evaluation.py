"""What is left to be asked of contacts of whom something is known already."""

from collections.abc import Collection
from typing import NamedTuple, assert_never

from resolvers.criteria.language.operators import IS_EMPTY, Quantifier
from resolvers.criteria.language.tree import AllOf, AnyOf, Condition, Node, Not, OfContact, Related, TaggedAt, Tags

NO_TAGS: frozenset[int] = frozenset()


class KnownTags(NamedTuple):
    """Tags that all of some contacts carry, and tags that none of them carries."""

    held: frozenset[int] = NO_TAGS
    lacking: frozenset[int] = NO_TAGS


NOTHING_KNOWN = KnownTags()


def remaining(node: Node, known: KnownTags) -> Node | bool:
    """What the node comes to for these contacts, or for their appointments: an answer, or what is left to be asked."""
    match node:
        case Condition():
            met = _met(node, known)
            return node if met is None else met is not node.negated
        case Not():
            child = remaining(node.child, known)
            return not child if isinstance(child, bool) else Not(child, node.path)
        case OfContact():
            child = remaining(node.child, known)
            return child if isinstance(child, bool) else OfContact(child, node.path)
        case AllOf() | AnyOf():
            return _joined(node, known)
        case Related():
            return node
        case _:
            assert_never(node)


def _joined(node: AllOf | AnyOf, known: KnownTags) -> Node | bool:
    neutral = isinstance(node, AllOf)
    found = [remaining(child, known) for child in node.children]
    if any(answer is not neutral for answer in found if isinstance(answer, bool)):
        return not neutral
    left = tuple(each for each in found if not isinstance(each, bool))
    if len(left) > 1:
        return AllOf(left, node.path) if neutral else AnyOf(left, node.path)
    return left[0] if left else neutral


def _met(condition: Condition, known: KnownTags) -> bool | None:
    """Whether the values meet what is asked, negation aside; None if that is not known."""
    match condition.source:
        case Tags() if condition.operator is IS_EMPTY:
            return True if known.held else None
        case Tags() if condition.operator.quantifier is Quantifier.SOME:
            return _some(condition.operand, known)
        case Tags() if condition.operator.quantifier is Quantifier.EACH:
            return _each(condition.operand, known)
        case TaggedAt(tag_id) if tag_id in known.lacking:
            return False
        case _:
            return None


def _some(wanted: Collection[int], known: KnownTags) -> bool | None:
    if not known.held.isdisjoint(wanted):
        return True
    return False if known.lacking.issuperset(wanted) else None


def _each(wanted: Collection[int], known: KnownTags) -> bool | None:
    if not known.lacking.isdisjoint(wanted):
        return False
    return True if known.held.issuperset(wanted) else None
