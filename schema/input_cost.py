"""What the values of arguments cost: criteria by their conditions and operands, mutations by what they write.

Values are priced as they were sent, before they are coerced, in one pass without recursion.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from graphql import GraphQLInputObjectType, GraphQLNamedType, ValueNode, get_named_type, value_from_ast_untyped

from schema import tariff
from schema.tariff import Price

MOST_REMEMBERED = 1_024  # positions: a schema has a few hundred
NO_PRICE = Price(0)


class Position(NamedTuple):
    """Where a value stands: its type, what each object and each plain value there costs, and whether an index finds texts there."""

    type: GraphQLNamedType
    object: Price
    each: int = tariff.VALUE
    indexed: bool = True


class Variable(NamedTuple):
    """A variable of the document, in the place of its value."""

    name: str


class InputPricing:
    """Prices the arguments of one operation, with a value for each variable that it declares.

    The prices depend on the variables in `used` at their positions, and on how many values those in `counted` hold.
    """

    def __init__(self, variables: Mapping[str, object]) -> None:
        self.used: dict[tuple[str, Position], Price] = {}
        self.counted: set[str] = set()
        self._variables = variables
        self._marked: dict[str, object] = {name: Variable(name) for name in variables}

    def price_argument(self, node: ValueNode, type_: GraphQLNamedType) -> int:
        """The points of what an argument holds. The argument itself, such as a number, is free."""
        points, related = self._price(value_from_ast_untyped(node, self._marked), Position(type_, _object_price(type_.name)))
        return points - tariff.VALUE + tariff.RELATED_SQUARED * related**2

    def price_variable(self, name: str, position: Position) -> Price:
        """The price of a variable's value at a position, which is computed once."""
        if (name, position) not in self.used:
            self.used[name, position] = self._price(self._variables.get(name), position)
        return self.used[name, position]

    def _price(self, given: object, position: Position) -> Price:
        points = related = 0
        unread = [(given, position)]
        while unread:
            value, at = unread.pop()
            match value:
                case Variable(name):
                    own = self.price_variable(name, at)
                case dict():
                    own = Price(at.object.points + self._pairs(value, at), at.object.related)
                    unread += _members(value, at)
                case list():
                    own = Price(tariff.VALUE + sum(_plain_price(item, at.each) for item in value if not _is_visited(item)))
                    unread += [(item, at) for item in value if _is_visited(item)]
                case _:
                    own = Price(_plain_price(value, at.each))
            points, related = points + own.points, related + own.related
        return Price(points, related)

    def _pairs(self, value: Mapping[str, object], at: Position) -> int:
        """The points of the pairs of values in two lists of an input."""
        if at.type.name not in tariff.PRODUCTS:
            return 0
        first, second = (self._length(value.get(key)) for key in tariff.PRODUCTS[at.type.name])
        return first * second * tariff.VALUE

    def _length(self, value: object) -> int:
        if isinstance(value, Variable):
            self.counted.add(value.name)
            value = self._variables.get(value.name)
        return len(value) if isinstance(value, list) else 1


def _is_visited(value: object) -> bool:
    return isinstance(value, dict | list | Variable)


def _plain_price(value: object, each: int) -> int:
    return each + len(value) // tariff.LONG_TEXT if isinstance(value, str) else each


def _members(value: Mapping[str, object], at: Position) -> Iterator[tuple[object, Position]]:
    keys = _positions_below(at)
    return ((held, keys.get(key, at)) for key, held in value.items())


@lru_cache(MOST_REMEMBERED)
def _positions_below(at: Position) -> Mapping[str, Position]:
    """The positions of an input's keys. None for a scalar, in which all values are at its own position."""
    if not isinstance(at.type, GraphQLInputObjectType):
        return {}
    return {key: _at_key(at, key, get_named_type(field.type)) for key, field in at.type.fields.items()}


def _at_key(at: Position, key: str, type_: GraphQLNamedType) -> Position:
    coordinate = f"{at.type.name}.{key}"
    operands = tariff.OPERANDS if at.indexed else tariff.OPERANDS | tariff.SLOW_OPERANDS
    price = tariff.KEYS.get(key, NO_PRICE) if at.type.name.endswith("Criteria") else NO_PRICE
    points, related = _object_price(type_.name)
    return Position(
        type_,
        Price(points + price.points, related + price.related),
        each=operands.get(coordinate, tariff.VALUE),
        indexed=coordinate not in tariff.NOT_INDEXED,
    )


def _object_price(type_name: str) -> Price:
    kinds = (price for word, price in tariff.KINDS_OF_OBJECTS.items() if type_name.endswith(word))
    return tariff.OBJECTS.get(type_name) or next(kinds, Price(tariff.VALUE))
