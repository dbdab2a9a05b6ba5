"""What a tree mentions: everything whose change can change the truth of the tree for some record."""

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from resolvers.criteria.language.operators import IS_EMPTY
from resolvers.criteria.language.record_types import RecordType
from resolvers.criteria.language.tree import Column, Condition, Custom, Groups, Node, Related, TaggedAt, Tags, Tree, walk

ANY_TAG = 0
EXISTENCE = "*"


class Mention(NamedTuple):
    """A tag, custom field or group of a contact, or a column of records. `kind` is tag, custom, group, or the noun of a record type."""

    kind: str
    key: str | int


def existence(record_type: RecordType) -> Mention:
    """What criteria depend on that ask whether a contact owns any record of this type."""
    return Mention(record_type.noun, EXISTENCE)


def mentions(tree: Tree) -> frozenset[Mention]:
    """Everything that the tree mentions of a contact and of the records that it owns."""
    return frozenset(mention for node in walk(tree.root) for mention in _of_node(node))


def groups_mentioned(tree: Tree) -> frozenset[int]:
    """The ids of the groups whose members the tree depends on."""
    return frozenset(int(mention.key) for mention in mentions(tree) if mention.kind == "group")


def _of_node(node: Node) -> Iterator[Mention]:
    match node:
        case Condition():
            yield from _of_condition(node)
        case Related():
            yield existence(node.record_type)
        case _:
            return


def _of_condition(condition: Condition) -> Iterator[Mention]:
    match condition.source:
        case Column():
            yield Mention(condition.source.record_type.noun, condition.source.column)
        case Custom():
            yield Mention("custom", condition.source.field_id)
        case TaggedAt():
            yield Mention("tag", condition.source.tag_id)
        case Tags():
            yield from (Mention("tag", tag_id) for tag_id in ((ANY_TAG,) if condition.operator is IS_EMPTY else condition.operand))
        case Groups():
            yield from (Mention("group", group_id) for group_id in condition.operand)
        case _:
            assert_never(condition.source)
