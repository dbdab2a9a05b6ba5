"""Criteria as a tree: what was parsed, ready to be read as a query, as a predicate or as a sentence."""

from collections.abc import Iterator
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
    """The values of a contact's custom field; the number is 0 where no such field exists any more."""

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


Source = Column | Custom | TaggedAt | Tags | Groups


@dataclass(frozen=True, slots=True)
class Condition:
    """A leaf: one operator asked of the values of one source. Equal wherever in a document it stands."""

    source: Source
    operator: Operator
    operand: Any
    path: Path = field(compare=False)

    @property
    def negated(self) -> bool:
        """Whether the leaf is true where what its operator asks is not met."""
        return self.operator.negative or (self.operator.name == "isEmpty" and self.operand is True)

    def check(self, now: Now) -> Check:
        """What is asked of each value at this moment."""
        return self.operator.asks(self.operand, now)


@dataclass(frozen=True, slots=True)
class Related:
    """That a contact owns at least so many records of a type, or so many that meet a condition; or, negated, that it does not."""

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
    """The criteria of a group of records of one type, within an account; `document` is how they are stored and read back."""

    account_id: int
    record_type: RecordType
    root: Node
    document: dict[str, Any]


def is_negative(node: Node) -> bool:
    """Whether a node says what must not be: such a node must not stand directly in an `any`."""
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
    """The node and all below it, each before what is below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def conditions(tree: Tree) -> Iterator[Condition]:
    """All leaves that ask something of values, in the order in which they were written."""
    return (node for node in walk(tree.root) if isinstance(node, Condition))
