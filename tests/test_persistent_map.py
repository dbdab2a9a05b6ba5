"""A persistent map answers like a dictionary, and a revision leaves the map that it was made from as it was."""

from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.membership.candidates.persistent_map import MOST_ENTRIES, Map
from tests.support.effort import examples


class Colliding(int):
    """A number with one of three hashes."""

    def __hash__(self) -> int:
        return int(self) % 3 - 1


KEYS = st.integers(-3, 3) | st.integers(0, 2000) | st.integers(0, 1000).map(Colliding)
REVISIONS = st.lists(st.dictionaries(KEYS, st.none() | st.integers(0, 9), max_size=400), max_size=8)


@settings(max_examples=examples(60), deadline=None)
@given(revisions=REVISIONS, sought=st.lists(KEYS))
def test_every_revision_of_a_map_is_the_dictionary_that_it_stands_for(revisions: list[dict[int, int | None]], sought: list[int]) -> None:
    expected: list[dict[int, int]] = [{}]
    found: list[Map[int, int]] = [Map()]
    for changes in revisions:
        expected.append({key: value for key, value in {**expected[-1], **changes}.items() if value is not None})
        found.append(found[-1].revised(changes))
    for one, other in zip(found, expected, strict=True):
        assert dict(one.entries()) == {key: one[key] for key in one} == other
        assert (len(one), bool(one), sorted(one.every())) == (len(other), bool(other), sorted(other.values()))
        assert one.those(sought) == [other[key] for key in sought if key in other]
        assert [key in one for key in sought] == [key in other for key in sought]


def test_a_revision_shares_all_but_a_few_entries() -> None:
    large = Map[int, int]().revised(dict.fromkeys(range(100_000), 1))
    leaves = {id(leaf) for leaf in _leaves(large)}
    changed = [leaf for leaf in _leaves(large.revised({5: 2})) if id(leaf) not in leaves]
    assert len(changed) == 1
    assert len(changed[0]) <= MOST_ENTRIES
    assert len(leaves) > 100_000 / MOST_ENTRIES


def _leaves(found: Map[int, int]) -> list[dict[int, int]]:
    nodes, leaves = [found._root], list[dict[int, int]]()
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            leaves.append(node)
        else:
            nodes += node
    return leaves
