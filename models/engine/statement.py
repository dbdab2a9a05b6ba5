"""One way to write SQL for both engines: named parameters, sets of ids and sets of rows as single parameters.

    = ANY(:ids)                                     a set of numbers, given as a list of int
    = ANY(:names AS text)                           a set of texts, given as a list of str
    ROWS(:flips AS flip(group_id bigint, n int))    a table, given as a list of dicts

Everything travels as a parameter, so a statement's text, and with it the engine's plan cache, is the same whatever the
number of ids or rows.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import orjson

Engine = Literal["sqlite", "postgresql"]
Encode = Callable[[Any], Any]

_PARAMETER = re.compile(
    r"ROWS\(:(?P<rows>\w+) AS (?P<alias>\w+)\((?P<columns>[^)]*)\)\)"
    r"|= ANY\(:(?P<set>\w+)(?: AS (?P<kind>text))?\)|(?<!:):(?P<value>[a-z]\w*)",
)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL for one engine and how each of its positional parameters is made of a named one."""

    sql: str
    parameters: tuple[tuple[str, Encode], ...]

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        """The positional parameters, in order."""
        return [encode(values[name]) for name, encode in self.parameters]


def _as_is(value: Any) -> Any:
    return value


def _as_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _as_arrays(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    return _as_json([[row.get(name) for name in names] for row in rows])


def _sqlite_rows(alias: str, names: Sequence[str]) -> str:
    # By position: to look for names in every row takes SQLite longer than what is done with what it finds.
    cells = ", ".join(f"json_extract(value, '$[{index}]') AS {name}" for index, name in enumerate(names))
    return f"(SELECT {cells} FROM json_each(?)) AS {alias}"  # noqa: S608  # names of our own


@lru_cache(maxsize=512)
def asked_together(texts: tuple[str, ...]) -> str:
    """For PostgreSQL, one statement whose only row holds the rows of each of these as a JSON text."""
    answer = "(SELECT coalesce(json_agg(found), '[]') FROM ({text}) AS found) AS answer{number}"
    return "SELECT " + ", ".join(answer.format(text=text, number=number) for number, text in enumerate(texts))


@lru_cache(maxsize=512)
def prepare(text: str, engine: Engine) -> Statement:
    """The statement for an engine. The text is the program's own, never a user's."""
    parameters: list[tuple[str, Encode]] = []

    def place(found: re.Match[str]) -> str:
        if rows := found["rows"]:
            names = [column.split()[0] for column in found["columns"].split(",")]
            parameters.append((rows, partial(_as_arrays, names) if engine == "sqlite" else _as_json))
            if engine == "sqlite":
                return _sqlite_rows(found["alias"], names)
            return f"json_to_recordset(${len(parameters)}::text::json) AS {found['alias']}({found['columns']})"
        if chosen := found["set"]:
            parameters.append((chosen, _as_json if engine == "sqlite" else _as_is))
            kind = found["kind"] or "bigint"
            return "IN (SELECT value FROM json_each(?))" if engine == "sqlite" else f"= ANY(${len(parameters)}::{kind}[])"
        parameters.append((found["value"], _as_is))
        return "?" if engine == "sqlite" else f"${len(parameters)}"

    return Statement(_PARAMETER.sub(place, text), tuple(parameters))
