"""Operations made from the grammar of the schema, as large as its limits allow or somewhat larger."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from models.ids import to_global_id

DESTROYS = ("delete", "merge", "revoke", "updateAccount", "createUser", "createAccessToken", "updateUser", "cancel")
KINDS = ("Account", "AccessToken", "Appointment", "AuditEntry", "BulkAction", "Contact", "Group", "Tag", "User")
BY_NAME = (("contact", "Contact"), ("group", "Group"), ("tag", "Tag"), ("owner", "User"), ("user", "User"))
LARGEST_PAGE = 250


@dataclass(frozen=True)
class Shape:
    """How large an operation is to be."""

    seed: int
    values: int
    """In its variables."""
    fields: int
    depth: int
    copies: int
    """Of its root field, under different names."""
    inline: bool = False
    """Whether lists of values stand in the document instead of in variables."""


@dataclass
class Writer:
    """Writes one operation."""

    schema: GraphQLSchema
    shape: Shape
    known: Mapping[str, Sequence[str]]
    """Ids that exist, by kind."""
    chance: random.Random = field(init=False)
    variables: dict[str, Any] = field(default_factory=dict)
    _declared: list[str] = field(default_factory=list)
    _fields: int = 0
    _values: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.shape.seed)
        self._fields, self._values = self.shape.fields, self.shape.values

    def operation(self) -> tuple[str, str, dict[str, Any]]:
        """The name of the root field, the document and its variables."""
        kind, root = self.chance.choice([("query", self.schema.query_type)] * 3 + [("mutation", self.schema.mutation_type)])
        assert root
        names = [*(name for name in root.fields if not name.startswith(DESTROYS)), *["__schema"] * (kind == "query")]
        name = self.chance.choice(names)
        if name == "__schema":
            return name, self._introspection(), {}
        found = root.fields[name]
        arguments, share = self._arguments(found), max(1, self._fields // self.shape.copies)
        copies = []
        for copy in range(self.shape.copies):
            self._fields = share
            copies.append(f"c{copy}: {name}{arguments} {self._selection(found.type, self.shape.depth)}")
        declared = f"({' '.join(self._declared)})" * bool(self._declared)
        return name, f"{kind} {declared} {{ {' '.join(copies)} }}", self.variables

    def _introspection(self) -> str:
        part = "types { name description fields { name description args { name type { name ofType { name } } } type { name } } }"
        return "{" + " ".join(f"c{copy}: __schema {{ {part} }}" for copy in range(self.shape.copies)) + "}"

    # ------------------------------------------------------------ selections

    def _selection(self, type_: Any, depth: int) -> str:
        match get_named_type(type_):
            case GraphQLUnionType() as union:
                return "{ __typename " + " ".join(f"... on {each.name} {{ __typename }}" for each in union.types) + " }"
            case GraphQLObjectType() | GraphQLInterfaceType() as found:
                return "{ __typename " + " ".join(self._below(found, depth)) + " }"
        return ""

    def _below(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> Iterator[str]:
        names = [*type_.fields]
        self.chance.shuffle(names)
        for name in sorted(names, key=lambda each: each not in ("nodes", "edges")):
            found = type_.fields[name]
            is_leaf = is_leaf_type(get_named_type(found.type))
            if self._fields <= 0 or not (is_leaf or depth > 0):
                continue
            self._fields -= 1
            yield f"{name}{self._arguments(found, nested=True)} {'' if is_leaf else self._selection(found.type, depth - 1)}"

    def _arguments(self, found: GraphQLField, *, nested: bool = False) -> str:
        given = []
        for name, argument in found.args.items():
            if name in ("first", "sample"):
                given.append(f"{name}: {self.chance.choice([LARGEST_PAGE, 250, 100, 10]) if name == 'first' else 50}")
            elif name in ("last", "after", "before"):
                continue
            elif is_required_argument(argument) or (not nested and self.chance.random() < 0.7):
                given.append(f"{name}: {self._variable(name, argument.type)}")
        return f"({', '.join(given)})" * bool(given)

    def _variable(self, name: str, type_: Any) -> str:
        value = self._value(type_, name, 7)
        if self.shape.inline:
            return literal(value)
        variable = f"v{len(self._declared)}"
        self._declared.append(f"${variable}: {type_}")
        self.variables[variable] = value
        return f"${variable}"

    # ------------------------------------------------------------ values

    def _value(self, type_: Any, name: str, depth: int) -> Any:
        self._values -= 1
        match type_:
            case GraphQLNonNull():
                return self._value(type_.of_type, name, depth)
            case GraphQLList():
                most = self.chance.choice([1, 3, 250, 1000, 1000])
                return [self._value(type_.of_type, name, depth - 1) for _ in range(most) if self._values > 0]
            case GraphQLEnumType():
                return self.chance.choice([*type_.values])
            case GraphQLInputObjectType():
                return self._object(type_, depth - 1)
        return self._scalar(type_.name, name)

    def _object(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        names = [name for name, each in type_.fields.items() if depth > 0 or is_leaf_type(get_named_type(each.type))]
        if type_.is_one_of:
            lists = [name for name in names if name in ("any", "all", "equals", "isAny", "containsAny", "contains", "memberOfAny")]
            names = [self.chance.choice(lists * 4 + names)] if names else []
        wanted = [name for name in names if type_.is_one_of or is_needed(type_, name) or (self._values > 0 and self.chance.random() < 0.6)]
        return {name: self._value(type_.fields[name].type, name, depth) for name in wanted}

    def _scalar(self, scalar: str, name: str) -> Any:
        match scalar:
            case "ID":
                kind = next((kind for part, kind in BY_NAME if part in name.lower()), self.chance.choice(KINDS))
                return self.chance.choice(self.known.get(kind) or [to_global_id(kind, self.chance.randrange(1, 2_000))])
            case "Int":
                return self.chance.choice([1, 10, 250])
            case "Boolean":
                return self.chance.random() < 0.5
            case "DateTime":
                return "2026-03-29T02:30:00Z"
            case "Date":
                return "1980-02-29"
            case "Decimal":
                return "12.5"
            case "JSON":
                return {f"key{number}": "x" * self.chance.choice([1, 100]) for number in range(self.chance.choice([0, 3, 20]))}
        if name == "email":
            return f"{self.chance.randrange(10**9)}@example.com"
        return f"{self.chance.choice(['Ann', 'city', 'x' * 60])} {self.chance.randrange(10**6)}"


def is_needed(type_: GraphQLInputObjectType, name: str) -> bool:
    return isinstance(type_.fields[name].type, GraphQLNonNull)


def literal(value: Any) -> str:
    """A value as it stands in a document. Texts that look like enum values are written as such."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {literal(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + " ".join(map(literal, value)) + "]"
        case bool():
            return str(value).lower()
        case str() if value.isupper():
            return value
        case str():
            return f'"{value}"'
    return str(value)
