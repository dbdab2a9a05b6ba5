"""Conditions whose truth changes as time passes, and the stored values for which it changes between two moments."""

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
    """The distinct conditions that depend on the present time."""
    return tuple(dict.fromkeys(condition for condition in conditions(tree) if moves(condition)))


def boundaries(leaf: TemporalLeaf, before: Now, after: Now) -> Ranges:
    """The stored values for which the truth of a condition differs between two moments, or two time zones."""
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
    """Whether the truth of the condition can change because time passes."""
    return any(isinstance(part, _MOVING) for part in parts(condition.operand))


def stands_still(condition: Condition, before: Now, after: Now) -> bool:
    """Whether the checks at two moments are known to be equal without computing them, as for anniversaries on the same day."""
    return isinstance(condition.operand, Anniversary) and before.zone == after.zone and before.today == after.today


def is_zoned(condition: Condition) -> bool:
    """Whether the truth of the condition can depend on the moment or on the account's time zone."""
    return any(isinstance(part, _MOVING | date) for part in parts(condition.operand))


def zoned_leaves(tree: Tree) -> tuple[TemporalLeaf, ...]:
    """The distinct conditions that a new time zone can affect."""
    return tuple(dict.fromkeys(condition for condition in conditions(tree) if is_zoned(condition)))


def parts(operand: Any) -> Iterator[Any]:
    """The parts of an operand. The start of a day is represented by the day."""
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
