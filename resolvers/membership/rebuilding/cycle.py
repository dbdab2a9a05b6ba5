"""Groups in groups must not go round in a circle."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from resolvers.membership.candidates.account_definitions import AccountDefinitions


def find_cycle(
    definitions: AccountDefinitions, group_id: int, mentioned: Iterable[int], *, coming: Mapping[int, Sequence[int]]
) -> list[int]:
    """The shortest way from a group through groups that it would mention back to itself; empty if there is none.

    `coming` are the groups that others will mention once their next criteria are in force.
    """
    previous: dict[int, int] = dict.fromkeys(mentioned, group_id)
    queue = deque(previous)
    while queue:
        reached = queue.popleft()
        if reached == group_id:
            return _way(previous, group_id)
        for following in (*definitions.mentioned_by(reached), *coming.get(reached, ())):
            if following not in previous:
                previous[following] = reached
                queue.append(following)
    return []


def _way(previous: dict[int, int], group_id: int) -> list[int]:
    way = [group_id]
    while len(way) == 1 or way[-1] != group_id:
        way.append(previous[way[-1]])
    return way[::-1]
