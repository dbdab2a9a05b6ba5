"""Finding cycles: a group must not mention itself, not even through other groups."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from resolvers.membership.candidates.account_definitions import AccountDefinitions


def find_cycle(
    definitions: AccountDefinitions, group_id: int, mentioned: Iterable[int], *, coming: Mapping[int, Sequence[int]]
) -> list[int]:
    """The shortest path from a group through groups that it would mention back to itself. Empty if there is none.

    `coming` are the groups that others will mention once their builds are swapped in.
    """
    previous: dict[int, int] = dict.fromkeys(mentioned, group_id)
    queue = deque(previous)
    while queue:
        reached = queue.popleft()
        if reached == group_id:
            return _path(previous, group_id)
        for following in (*definitions.mentioned_by(reached), *coming.get(reached, ())):
            if following not in previous:
                previous[following] = reached
                queue.append(following)
    return []


def _path(previous: dict[int, int], group_id: int) -> list[int]:
    path = [group_id]
    while len(path) == 1 or path[-1] != group_id:
        path.append(previous[path[-1]])
    return path[::-1]
