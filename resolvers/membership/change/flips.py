"""The joins and leaves that one write causes, by group."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Flips:
    """For each group, who joins and who leaves, in ascending order of ids."""

    joined: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    left: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def group_ids(self) -> list[int]:
        """The groups in which anybody flips, ascending."""
        return sorted(self.joined.keys() | self.left.keys())

    def with_those_of(self, others: "Flips") -> "Flips":
        """These and others, of other records."""
        both = Flips()
        for flips in (self, others):
            for mine, theirs in ((both.joined, flips.joined), (both.left, flips.left)):
                for group_id, record_ids in theirs.items():
                    mine[group_id] = sorted([*mine[group_id], *record_ids])
        return both
