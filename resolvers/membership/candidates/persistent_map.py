"""A persistent map: an immutable mapping whose revisions are other maps, which share most of their memory with it."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeVar

from typing_extensions import override

K = TypeVar("K")
V = TypeVar("V")
Node = dict[K, V] | tuple["Node[K, V]", ...]  # entries, or branches by a digit of the key's hash

WIDTH = 16  # branches of a node
MOST_ENTRIES = 128  # of one leaf, a dictionary that a revision copies whole
DEEPEST = 12  # levels of branches: keys with equal hashes cannot be separated further


class Map(Mapping[K, V]):
    """An immutable mapping. A revision costs time for what changes, and no time for the rest."""

    __slots__ = ("_root",)

    def __init__(self, root: Node[K, V] | None = None) -> None:
        self._root: Node[K, V] = {} if root is None else root

    @override
    def __getitem__(self, key: K) -> V:
        node, place = self._root, hash(key)
        while not isinstance(node, dict):
            node, place = node[place % WIDTH], place // WIDTH
        return node[key]

    @override
    def get(self, key: K, default: V | None = None) -> V | None:  # type: ignore[override]  # the default is of the values' type
        node, place = self._root, hash(key)
        while not isinstance(node, dict):
            node, place = node[place % WIDTH], place // WIDTH
        return node.get(key, default)

    @override
    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]  # an object of another type is simply not there

    @override
    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(_leaves(self._root))

    @override
    def __len__(self) -> int:
        return sum(map(len, _leaves(self._root)))

    def __bool__(self) -> bool:
        return any(_leaves(self._root))

    def every(self) -> Iterable[V]:
        """All values, without looking up each key."""
        root = self._root
        return root.values() if isinstance(root, dict) else chain.from_iterable(leaf.values() for leaf in _leaves(root))

    def those(self, keys: Iterable[K]) -> list[V]:
        """The values of those of these keys that are in the map."""
        root = self._root
        if isinstance(root, dict):
            return [root[key] for key in keys if key in root]
        return [value for key in keys if (value := self.get(key)) is not None]

    def entries(self) -> Iterator[tuple[K, V]]:
        """All keys with their values, without looking up each key."""
        return chain.from_iterable(leaf.items() for leaf in _leaves(self._root))

    def revised(self, changes: Mapping[K, V | None]) -> "Map[K, V]":
        """The map with these entries added. The value None removes an entry."""
        return Map(_revised(self._root, dict(changes), 0)) if changes else self


def _leaves(node: Node[K, V]) -> Iterator[dict[K, V]]:
    if isinstance(node, dict):
        yield node
    else:
        for branch in node:
            yield from _leaves(branch)


def _revised(node: Node[K, V], changes: dict[K, V | None], depth: int) -> Node[K, V]:
    if isinstance(node, dict):
        return _leaf(node, changes, depth)
    placed: dict[int, dict[K, V | None]] = {}
    for key, value in changes.items():
        placed.setdefault(hash(key) // WIDTH**depth % WIDTH, {})[key] = value
    return tuple(_revised(branch, placed[place], depth + 1) if place in placed else branch for place, branch in enumerate(node))


def _leaf(node: dict[K, V], changes: dict[K, V | None], depth: int) -> Node[K, V]:
    merged: dict[K, V | None] = {**node, **changes}
    leaf = {key: value for key, value in merged.items() if value is not None}
    if len(leaf) <= MOST_ENTRIES or depth == DEEPEST:
        return leaf
    return _revised(({},) * WIDTH, {**leaf}, depth)
