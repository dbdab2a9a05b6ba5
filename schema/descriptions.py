"""Puts the words of descriptions.toml onto the types of the schema.

They live in a file of their own so that the types stay readable, and so that one person can read all words in one go.
A table stands for a type: `_` describes the type, `name` a field, input field or enum value, `"name.argument"` an
argument. The table `"*"` describes names that mean the same everywhere, by `name` alone.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    is_specified_scalar_type,
)

FILE = Path(__file__).with_name("descriptions.toml")
EVERYWHERE = "*"
ITSELF = "_"

Place = tuple[str, str]  # the name of a type, and "_", "name" or "name.argument"


@dataclass(slots=True)
class Descriptions:
    """The words by place, and which of them have been used."""

    words: dict[str, dict[str, str]]
    used: set[Place] = field(default_factory=set)

    def find(self, type_name: str, name: str) -> str | None:
        """The words for a place, or else those for its last name everywhere."""
        for place in ((type_name, name), (EVERYWHERE, name.rpartition(".")[2])):
            if words := self.words.get(place[0], {}).get(place[1]):
                self.used.add(place)
                return words
        return None

    def unused(self) -> set[Place]:
        """The places of words that describe nothing."""
        return {(table, name) for table, entries in self.words.items() for name in entries} - self.used


def describe(schema: GraphQLSchema) -> Descriptions:
    """Describe everything in the schema for which there are words."""
    descriptions = Descriptions(tomllib.loads(FILE.read_text(encoding="utf-8")))
    for type_name, name, element in described(schema):
        element.description = descriptions.find(type_name, name)
    return descriptions


def described(schema: GraphQLSchema) -> Iterator[tuple[str, str, Any]]:
    """Everything in the schema that can carry a description, each with its place."""
    for type_ in schema.type_map.values():
        if not (is_introspection_type(type_) or is_specified_scalar_type(type_)):
            yield type_.name, ITSELF, type_
            for name, element in _parts(type_):
                yield type_.name, name, element


def _parts(type_: GraphQLNamedType) -> Iterator[tuple[str, Any]]:
    match type_:
        case GraphQLObjectType() | GraphQLInterfaceType():
            for name, found in type_.fields.items():
                yield name, found
                yield from ((f"{name}.{argument}", element) for argument, element in found.args.items())
        case GraphQLInputObjectType():
            yield from type_.fields.items()
        case GraphQLEnumType():
            yield from type_.values.items()
