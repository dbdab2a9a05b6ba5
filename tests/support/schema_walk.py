"""Ways through the whole schema: every place where a client can put an id or a text, and every field it can read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_required_argument,
)

Place = Callable[[Any], Any]  # an argument's value with the given one in one place
CURSORS = ("after", "before")  # are checked where lists are

SAMPLES = {
    "Boolean": True,
    "Int": 1,
    "String": "x1",
    "Decimal": "1",
    "Date": "2026-01-01",
    "DateTime": "2030-01-01T00:00:00Z",
    "JSON": {},
}


ALTERNATIVES = {"explain": ("groupId", "criteria")}  # arguments of which a field needs exactly one, which no type says


class Leaf(NamedTuple):
    """A place where a scalar stands: the field or input type that declares it, its name there, and how to put a value in it."""

    owner: str
    name: str
    scalar: str
    place: Place


@dataclass
class Guide:
    """Knows the schema, and the ids by kind to put wherever a way does not lead."""

    schema: GraphQLSchema
    own_ids: dict[str, str]
    visited: set[tuple[str, str]] = field(default_factory=set)

    # ------------------------------------------------------------ arguments

    def leaves(self, name: str, root: GraphQLField) -> Iterator[Leaf]:
        """Every place in the arguments of a field where a scalar stands; what else the field needs is the caller's own."""
        for argument, found in root.args.items():
            rest = self.own_arguments(name, root, but=argument)
            for leaf in self._leaves(found.type, Leaf(name, argument, "", _itself)):
                yield leaf._replace(place=partial(_beside, rest, argument, leaf.place))

    def _leaves(self, type_: Any, leaf: Leaf, seen: frozenset[str] = frozenset()) -> Iterator[Leaf]:
        match type_:
            case GraphQLNonNull():
                yield from self._leaves(type_.of_type, leaf, seen)
            case GraphQLList():
                for each in self._leaves(type_.of_type, leaf, seen):
                    yield each._replace(place=partial(_listed, each.place))
            case GraphQLScalarType():
                yield leaf._replace(scalar=type_.name)
            case GraphQLInputObjectType() if type_.name not in seen:
                rest = {} if _is_one_of(type_) else self._required(type_.fields, type_.name)
                for name, found in type_.fields.items():
                    for each in self._leaves(found.type, Leaf(type_.name, name, "", _itself), seen | {type_.name}):
                        yield each._replace(place=partial(_beside, rest, name, each.place))

    def arguments(self, name: str, root: GraphQLField, scalar: str) -> Iterator[Place]:
        """Every place in the arguments of a root field where a value of this scalar can stand."""
        for leaf in self.leaves(name, root):
            if leaf.scalar == scalar and not (leaf.owner == name and leaf.name in CURSORS):
                yield leaf.place

    def own_arguments(self, name: str, root: GraphQLField, *, but: str = "") -> dict[str, Any]:
        """Arguments that name nothing but what is the caller's own, and go together with one that is given."""
        alternatives = ALTERNATIVES.get(name, ())
        chosen = {first: self._sample(root.args[first].type, first, name) for first in alternatives[:1] if but not in alternatives}
        return self._required(root.args, name) | chosen

    def _required(self, found: dict[str, Any], around: str) -> dict[str, Any]:
        needed = {name: part.type for name, part in found.items() if isinstance(part.type, GraphQLNonNull)}
        return {name: self._sample(type_, name, around) for name, type_ in needed.items()}

    def _sample(self, type_: Any, name: str, around: str) -> Any:
        match type_:
            case GraphQLNonNull():
                return self._sample(type_.of_type, name, around)
            case GraphQLList():
                return [self._sample(type_.of_type, name, around)]
            case GraphQLEnumType():
                return next(iter(type_.values))
            case GraphQLScalarType() if type_.name == "ID":
                return self._own_id(name, around)
            case GraphQLScalarType():
                return SAMPLES[type_.name]
            case GraphQLInputObjectType() if _is_one_of(type_):
                first = next(part for part in type_.fields if part not in ("all", "any", "not"))
                return {first: self._sample(type_.fields[first].type, first, type_.name)}
        return self._required(type_.fields, type_.name)

    def _own_id(self, name: str, around: str) -> str:
        for said in (name, around):
            for kind, own in self.own_ids.items():
                if kind.lower() in said.lower():
                    return own
        return self.own_ids["Contact"]

    # ------------------------------------------------------------ selections

    def selection(self, type_: Any, depth: int, alias: str = "") -> str:
        """All that can be selected from a type, this many levels deep. Ids in arguments are `$id`."""
        match get_named_type(type_):
            case GraphQLObjectType() as found if depth:
                return "{ __typename " + " ".join(self._fields(found, depth, alias)) + " }"
            case GraphQLInterfaceType() | GraphQLUnionType() as found if depth:
                kinds = self.schema.get_possible_types(found)
                return "{ __typename " + " ".join(f"... on {kind.name} {self.selection(kind, depth, kind.name)}" for kind in kinds) + " }"
            case GraphQLObjectType() | GraphQLInterfaceType() | GraphQLUnionType():
                return "{ __typename }"
        return ""

    def _fields(self, type_: GraphQLObjectType, depth: int, alias: str) -> Iterator[str]:
        for name, found in type_.fields.items():
            self.visited.add((type_.name, name))
            needed = [argument for argument, part in found.args.items() if is_required_argument(part)]
            arguments = "(" + ", ".join(f"{argument}: $id" for argument in needed) + ")" if needed else ""
            yield f"{alias}_{name}: " * bool(alias) + name + arguments + " " + self.selection(found.type, depth - 1)

    def operation(self, kind: str, name: str, root: GraphQLField, depth: int) -> str:
        """An operation that asks one root field for everything, its arguments as variables."""
        self.visited.add(({"query": "Query", "mutation": "Mutation", "subscription": "Subscription"}[kind], name))
        declared = [f"${argument}_: {part.type}" for argument, part in root.args.items()]
        given = ", ".join(f"{argument}: ${argument}_" for argument in root.args)
        selected = self.selection(root.type, depth)
        if "$id" in selected:
            declared.append("$id: ID!")
        head = f"({', '.join(declared)})" if declared else ""
        return f"{kind} {head} {{ {name} {f'({given})' if given else ''} {selected} }}"


def _itself(value: Any) -> Any:
    return value


def _listed(place: Place, value: Any) -> list[Any]:
    return [place(value)]


def _beside(rest: dict[str, Any], name: str, place: Place, value: Any) -> dict[str, Any]:
    return {**rest, name: place(value)}


def _is_one_of(type_: GraphQLInputObjectType) -> bool:
    return bool(type_.extensions["strawberry-definition"].is_one_of)


def roots(schema: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    """Every root field with its name and the kind of operation that asks it. Operations that destroy something come last."""
    kinds = {"query": schema.query_type, "subscription": schema.subscription_type, "mutation": schema.mutation_type}
    found = [(kind, name, root) for kind, type_ in kinds.items() if type_ for name, root in type_.fields.items()]
    yield from sorted(found, key=lambda entry: entry[1].startswith(("delete", "merge", "revoke")))


def variables(query: str, arguments: dict[str, Any], any_id: str) -> dict[str, Any]:
    """The variables of an operation, without an id that it does not declare."""
    return {f"{name}_": value for name, value in arguments.items()} | ({"id": any_id} if "$id:" in query else {})
