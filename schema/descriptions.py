"""Adds the descriptions in descriptions.toml to the schema.

They are kept in one file so that the types stay readable, and so that one person can review all texts together. A table
stands for a type: `_` describes the type, `name` a field, input field or enum value, `"name.argument"` an argument. The
table `"*"` describes names that mean the same in all types, by `name` alone.
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

Coordinate = tuple[str, str]  # the name of a type, and "_", "name" or "name.argument"


@dataclass(slots=True)
class Descriptions:
    """Descriptions by coordinate, and the coordinates that were used."""

    texts: dict[str, dict[str, str]]
    used: set[Coordinate] = field(default_factory=set)

    def find(self, type_name: str, name: str) -> str | None:
        """Find the description of an element of a type, or else the one for its name in all types."""
        for table, key in ((type_name, name), (EVERYWHERE, name.rpartition(".")[2])):
            if text := self.texts.get(table, {}).get(key):
                self.used.add((table, key))
                return text
        return None

    def unused(self) -> set[Coordinate]:
        """The coordinates of descriptions that describe nothing."""
        return {(table, name) for table, entries in self.texts.items() for name in entries} - self.used


def describe(schema: GraphQLSchema) -> Descriptions:
    """Describe every element of the schema that has a description."""
    descriptions = Descriptions(tomllib.loads(FILE.read_text(encoding="utf-8")))
    for type_name, name, element in described(schema):
        element.description = descriptions.find(type_name, name)
    return descriptions


def described(schema: GraphQLSchema) -> Iterator[tuple[str, str, Any]]:
    """Yield every element that can have a description, with its coordinate."""
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
