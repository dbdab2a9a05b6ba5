"""The nodes of a tree as claims that can be compared. Equal nodes have the same number, and each condition is read once."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from resolvers.criteria.diagnostics.implication import Claim
from resolvers.criteria.diagnostics.readings import Reading, is_small
from resolvers.criteria.language.tree import Condition, Node, Not, Path, Related, Tree, children, walk


def numbered(root: Node) -> Mapping[Path, int]:
    """A number for every node by its path. Equal nodes have the same number."""
    known: dict[object, int] = {}
    numbers: dict[Path, int] = {}
    for node in reversed([*walk(root)]):  # what is below a node has its number before it
        numbers[node.path] = known.setdefault(_content(node, numbers), len(known))
    return numbers


def _content(node: Node, numbers: Mapping[Path, int]) -> object:
    if isinstance(node, Condition):
        return node
    below = tuple(numbers[child.path] for child in children(node))
    return (node.record_type, node.least, node.negated, below) if isinstance(node, Related) else (type(node), below)


class Claims:
    """The claims of one tree, in the account's time zone."""

    def __init__(self, tree: Tree, zone: ZoneInfo) -> None:
        self._numbers = numbered(tree.root)
        self._zone = zone
        self._readings: dict[int, Reading] = {}

    def number(self, node: Node) -> int:
        """The node's number."""
        return self._numbers[node.path]

    def of(self, node: Node) -> Claim | None:
        """The node as a claim, unless comparing it would take too long."""
        match node:
            case Not():
                found = self.of(node.child)
                return found and found.opposite
            case Related():
                where = self.number(node.where) if node.where else None
                return Claim(node, self.number(node), node.negated, where=where)
            case Condition() if is_small(node):
                return Claim(node, self.number(node), node.negated, self.read(node))
            case _:
                return None

    def read(self, condition: Condition) -> Reading:
        """The checks of a small condition."""
        number = self.number(condition)
        if number not in self._readings:
            self._readings[number] = Reading(condition, self._zone)
        return self._readings[number]
