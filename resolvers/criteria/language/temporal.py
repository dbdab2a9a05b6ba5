"""The leaves whose truth changes by itself as time passes, and for which stored values it changes between two moments."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from resolvers.criteria.language.operands import Span
from resolvers.criteria.language.tree import Condition, Tree, conditions
from resolvers.criteria.semantics.anniversaries import Anniversary
from resolvers.criteria.semantics.checks import Recurring, Within
from resolvers.criteria.semantics.ranges import Ranges, difference, unrolled
from resolvers.criteria.semantics.time import FromNow, FromToday, NamedDay, Now, Offset, StartOf

TemporalLeaf = Condition

_MOVING = FromNow | FromToday | NamedDay | Offset | Anniversary


def temporal_leaves(tree: Tree) -> tuple[TemporalLeaf, ...]:
    """The distinct leaves that are about now or today; each tells by its source where the values stand."""
    return tuple(dict.fromkeys(condition for condition in conditions(tree) if moves(condition)))


def boundaries(leaf: TemporalLeaf, before: Now, after: Now) -> Ranges:
    """The stored values for which the leaf's truth differs between two moments, or two time zones."""
    if stands_still(leaf, before, after):
        return ()
    match leaf.check(before), leaf.check(after):
        case Within(one), Within(other):
            return difference(one, other)
        case Recurring(one, turns), Recurring(other):
            return unrolled(difference(one, other), turns)
        case _:
            return ()


def moves(condition: Condition) -> bool:
    """Whether the leaf's truth can change by the passing of time alone."""
    return any(isinstance(part, _MOVING) for part in parts(condition.operand))


def stands_still(condition: Condition, before: Now, after: Now) -> bool:
    """Whether it is known, without working them out, that the leaf's checks at two moments are the same: anniversaries step by day."""
    return isinstance(condition.operand, Anniversary) and before.zone == after.zone and before.today == after.today


def is_zoned(condition: Condition) -> bool:
    """Whether the leaf's truth can depend on the moment or on the account's time zone."""
    return any(isinstance(part, _MOVING | date) for part in parts(condition.operand))


def zoned_leaves(tree: Tree) -> tuple[TemporalLeaf, ...]:
    """The distinct leaves that a new time zone can affect."""
    return tuple(dict.fromkeys(condition for condition in conditions(tree) if is_zoned(condition)))


def parts(operand: Any) -> Iterator[Any]:
    """What an operand consists of; a moment that a day begins is as good as the day."""
    match operand:
        case tuple():
            for part in operand:
                yield from parts(part)
        case Span():
            yield from parts((operand.low, operand.high))
        case StartOf():
            yield operand.day
        case _:
            yield operand
