"""What no answer may contain, whatever was asked: traces of the program, of its statements, or of the machine that it runs on."""

import re

TRACES = re.compile(
    r"""Traceback|File\ \\?"|\.py\b|line\ \d+,\ in           # where it happened
      | \bSELECT\s.+\sFROM\b|\bINSERT\ INTO\b|\bUPDATE\ \w+\ SET\b|\bDELETE\ FROM\b|\bWHERE\s.+=
      | \b(?:sqlite3?|asyncpg|aiosqlite|tortoise|strawberry|graphql-core|orjson|uvicorn)\b
      | \b(?:[A-Z]\w+(?:Error|Exception|Warning)|NoneType|Undefined|UNSET)\b
      | <class\ |<function\ |object\ at\ 0x|\bself\b|__\w+__(?<!__typename)
    """,
    re.VERBOSE | re.DOTALL,
)


def traces_in(answer: str) -> list[str]:
    """The traces that an answer shows. A client's own text must be free of them, or it is found again."""
    return [match.group() for match in TRACES.finditer(answer)]
