"""Criteria as a tree, which is compiled to a query or a predicate, or written as a sentence."""

from collections.abc import Iterator, Sized
from dataclasses import dataclass, field
from typing import Any, assert_never

from resolvers.criteria.language.fields import RecordField
from resolvers.criteria.language.operators import Operator
from resolvers.criteria.language.record_types import RecordType
from resolvers.criteria.semantics.checks import Check
from resolvers.criteria.semantics.time import Now

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """The value in a column of the record itself."""

    record_type: RecordType
    field: RecordField

    @property
    def table(self) -> str:
        """The table that has the column."""
        return self.record_type.table

    @property
    def column(self) -> str:
        """The column whose values are compared."""
        return self.field.column


@dataclass(frozen=True, slots=True)
class Custom:
    """The values of a contact's custom field. `field_id` is 0 if the field was deleted."""

    field_id: int
    column: str
    key: str


@dataclass(frozen=True, slots=True)
class TaggedAt:
    """When a contact got a tag, if it has it."""

    tag_id: int


@dataclass(frozen=True, slots=True)
class Tags:
    """The ids of a contact's tags."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The ids of the groups that a contact is in."""


FEW = 20  # values of a condition whose check is computed anew each time

Source = Column | Custom | TaggedAt | Tags | Groups


@dataclass(frozen=True, slots=True)
class Condition:
    """A leaf of the tree: an operator with its operand, applied to the values of a source. Equal wherever it stands in a document."""

    source: Source
    operator: Operator
    operand: Any
    path: Path = field(compare=False)
    _last: tuple[Now, Check] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def negated(self) -> bool:
        """Whether the condition is true exactly where its check fails."""
        return self.operator.negative or (self.operator.name == "isEmpty" and self.operand is True)

    def check(self, now: Now) -> Check:
        """The check that values must pass at this moment. One of many values is kept, because a query asks for it several times."""
        if self._last and self._last[0] == now:
            return self._last[1]
        found = self.operator.check(self.operand, now)
        if isinstance(self.operand, Sized) and len(self.operand) > FEW:
            object.__setattr__(self, "_last", (now, found))
        return found


@dataclass(frozen=True, slots=True)
class Related:
    """That a contact owns at least `least` records of a type that meet a condition, or, negated, that it does not."""

    record_type: RecordType
    where: "Node | None"
    least: int
    negated: bool
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class OfContact:
    """That the contact of a record meets a condition."""

    child: "Node"
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    """That all of these are true."""

    children: tuple["Node", ...]
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """That at least one of these is true."""

    children: tuple["Node", ...]
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """That this is false."""

    child: "Node"
    path: Path = field(compare=False)


Node = AllOf | AnyOf | Not | Condition | Related | OfContact


@dataclass(frozen=True, slots=True)
class Tree:
    """The criteria of a group of records of one type in an account. `document` is the form in which they are stored."""

    account_id: int
    record_type: RecordType
    root: Node
    document: dict[str, Any]


def is_negative(node: Node) -> bool:
    """Whether a node is a negative condition, which must not stand directly in an `any`."""
    match node:
        case Condition():
            return node.operator.negative
        case Related():
            return node.negated
        case AllOf() | AnyOf() | Not() | OfContact():
            return False
        case _:
            assert_never(node)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case AllOf() | AnyOf():
            return node.children
        case Not() | OfContact():
            return (node.child,)
        case Related():
            return (node.where,) if node.where else ()
        case Condition():
            return ()
        case _:
            assert_never(node)


def walk(node: Node) -> Iterator[Node]:
    """The node and all nodes below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def conditions(tree: Tree) -> Iterator[Condition]:
    """All conditions, in the order in which they were written."""
    return (node for node in walk(tree.root) if isinstance(node, Condition))
