"""Sets of values as sorted, disjoint half-open ranges [low, high), to which every comparison by order is reduced."""

from collections.abc import Iterable
from itertools import chain, pairwise
from typing import NamedTuple, TypeVar

# Stand for "unbounded"; beyond every stored number, day and instant, and still 64-bit integers.
LOWEST = -(2**62)
HIGHEST = 2**62

Range = tuple[int, int]
Ranges = tuple[Range, ...]
TextRanges = tuple[tuple[str, str], ...]

Bound = TypeVar("Bound", int, str)


class Turn(NamedTuple):
    """An interval of values from `low` to before `high`, in which ranges recur, moved by `shift`."""

    shift: int
    low: int
    high: int


def normalised(ranges: Iterable[tuple[Bound, Bound]]) -> tuple[tuple[Bound, Bound], ...]:
    """The same set of values in ascending order, without empty ranges, and with touching ranges merged."""
    merged: list[tuple[Bound, Bound]] = []
    for low, high in sorted(ranges):
        if low >= high:
            continue
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def edges(ranges: Iterable[tuple[Bound, Bound]]) -> list[Bound]:
    """All bounds of a normalised set: a value is in the set where the number of edges at or below it is odd."""
    return list(chain.from_iterable(ranges))


def difference(one: Ranges, other: Ranges) -> Ranges:
    """The values that are in exactly one of two normalised sets."""
    if one is other:
        return ()
    return tuple(pairwise(sorted(set(edges(one)) ^ set(edges(other)))))[::2]


def turns(given: Range, *, period: int, within: Range) -> tuple[Turn, ...]:
    """The intervals in which ranges recur that are given for one interval, up to the ends of `within`."""
    (first, last), (least, end) = given, within
    earlier = (Turn(-shift, max(least, first - shift), first - shift + period) for shift in range(period, first - least + period, period))
    later = (Turn(shift, last + shift - period, min(last + shift, end)) for shift in range(period, end - last + period, period))
    return tuple(sorted((*earlier, Turn(0, first, last), *later)))


def unrolled(ranges: Ranges, turns: Iterable[Turn]) -> Ranges:
    """The ranges that recur in these turns, one by one."""
    moved = ((max(low + turn.shift, turn.low), min(high + turn.shift, turn.high)) for turn in turns for low, high in ranges)
    return tuple((low, high) for low, high in moved if low < high)
