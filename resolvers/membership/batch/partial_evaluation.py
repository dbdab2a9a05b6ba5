"""Partial evaluation: simplify criteria for contacts whose tags are partly known."""

from collections.abc import Collection
from typing import assert_never

from resolvers.criteria.language.operators import IS_EMPTY, Quantifier
from resolvers.criteria.language.tree import AllOf, AnyOf, Condition, Node, Not, OfContact, Related, TaggedAt, Tags
from resolvers.membership.change import CommonTags


def simplify(node: Node, tags: CommonTags) -> Node | bool:
    """Simplify criteria for contacts with these tags, or for what they own: to a result, or to the part that is undecided."""
    match node:
        case Condition():
            met = _met(node, tags)
            return node if met is None else met is not node.negated
        case Not():
            child = simplify(node.child, tags)
            return not child if isinstance(child, bool) else Not(child, node.path)
        case OfContact():
            child = simplify(node.child, tags)
            return child if isinstance(child, bool) else OfContact(child, node.path)
        case AllOf() | AnyOf():
            return _combined(node, tags)
        case Related():
            return node
        case _:
            assert_never(node)


def _combined(node: AllOf | AnyOf, tags: CommonTags) -> Node | bool:
    neutral = isinstance(node, AllOf)
    found = [simplify(child, tags) for child in node.children]
    if any(answer is not neutral for answer in found if isinstance(answer, bool)):
        return not neutral
    left = tuple(each for each in found if not isinstance(each, bool))
    if len(left) > 1:
        return AllOf(left, node.path) if neutral else AnyOf(left, node.path)
    return left[0] if left else neutral


def _met(condition: Condition, tags: CommonTags) -> bool | None:
    """Whether the condition holds before negation. None if these tags do not decide it."""
    match condition.source:
        case Tags() if condition.operator is IS_EMPTY:
            return True if tags.on_all else None
        case Tags() if condition.operator.quantifier is Quantifier.SOME:
            return _some(condition.operand, tags)
        case Tags() if condition.operator.quantifier is Quantifier.EACH:
            return _each(condition.operand, tags)
        case TaggedAt(tag_id) if tag_id in tags.on_none:
            return False
        case _:
            return None


def _some(wanted: Collection[int], tags: CommonTags) -> bool | None:
    if not tags.on_all.isdisjoint(wanted):
        return True
    return False if tags.on_none.issuperset(wanted) else None


def _each(wanted: Collection[int], tags: CommonTags) -> bool | None:
    if not tags.on_none.isdisjoint(wanted):
        return False
    return True if tags.on_all.issuperset(wanted) else None
