"""Records every statement that the program sends in this process, and finds those that do not name the account in each table.

The ORM's clients log each statement before they send it. Statements of the tests themselves and of migrations are left out. Programs that
tests start are not recorded: what they send, the laws send in this process, too.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from sqlglot.errors import SqlglotError
from tortoise.models import Model

import models
from tests.support.statement_scope import ACCOUNTS, AccountColumns, StatementReader, Unscoped, normalised

ROOT = f"{Path(__file__).parents[2]}/"
LOGGER = "tortoise.db_client"
ONE, SEVERAL = "%s: %s", "%s"  # messages of the log: a statement and its parameters, and a list of such pairs
DIALECTS = {"sqlite": "sqlite", "postgresql": "postgres"}
PROGRAM = ("app/", "schema/", "resolvers/", "subscriptions/", "models/")
PASSING_ON = ("models/engine/", "models/orm/")  # they send what others hand to them
LEFT_OUT = ("tests/", "bench/", "models/migrations/", "models/engine/migrate.py")
SHARED = {"clock"}  # tables of the deployment, not of its accounts
LISTS = Path(__file__).parents[1] / "golden" / "unscoped_statements"
SEPARATOR = " | "
SOMETIMES = "? "  # begins the line of a statement that only some random examples, or only some machines, send
RULE = """
Each statement names the account in each table: by account_id = :account_id, or by account_id = other.account_id for a table that does.
What does not yet is listed in {path}, a list that may only become shorter.
"""


class Verdict(NamedTuple):
    """Blocks that are not listed, each with where it was sent from, and listed ones that are no longer sent."""

    unlisted: Mapping[Unscoped, str]
    stale: frozenset[Unscoped]

    def __str__(self) -> str:
        added = [f"not listed: {SEPARATOR.join(found)}\n            sent by {sender}" for found, sender in sorted(self.unlisted.items())]
        return "\n".join([*added, *(f"to be taken off the list: {SEPARATOR.join(found)}" for found in sorted(self.stale))])


class StatementRecorder:
    """Notes which statements the program sends and from where, as the ORM logs them."""

    def __init__(self) -> None:
        self.senders: dict[str, str] = {}

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what is sent inside. No record of the log is made for it, because there are hundreds of thousands."""
        log, pass_on = logging.getLogger(LOGGER), logging.getLogger(LOGGER).debug

        def debug(message: object, *values: object, **options: Any) -> None:
            self._note(message, values)
            pass_on(message, *values, **options)

        log.debug = debug  # type: ignore[method-assign, assignment]  # until the end of the block
        try:
            yield
        finally:
            log.debug = pass_on  # type: ignore[method-assign]  # the method itself

    def _note(self, message: object, values: tuple[object, ...]) -> None:
        for text in _texts(message, values):
            if text not in self.senders and (sender := _sender(sys._getframe(2))):
                self.senders[text] = sender


def _texts(message: object, values: tuple[object, ...]) -> list[str]:
    match message, values:
        case str(form), (str(text), _) if form == ONE:
            return [text]
        case str(form), (list(pairs),) if form == SEVERAL:
            return [text for text, _ in pairs]
    return []


def _sender(frame: FrameType | None) -> str | None:
    """The function of the program that sends a statement; None for a test, a benchmark or a migration."""
    for path, function in _callers(frame):
        if path.startswith(LEFT_OUT) or not path.startswith(PROGRAM):
            return None
        if not path.startswith(PASSING_ON):
            return f"{path}, {function}"
    return None


def _callers(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(ROOT) and "/site-packages/" not in path:
            yield path.removeprefix(ROOT), frame.f_code.co_qualname
        frame = frame.f_back


def account_columns() -> AccountColumns:
    """The tables of accounts, and the column of each that holds the account."""
    tables = {model._meta.db_table: model._meta for name in models.__all__ if issubclass(model := _class(name), Model)}
    return {table: _account_column(table, meta.fields) for table, meta in tables.items() if table not in SHARED}


def _class(name: str) -> type:
    found: type = getattr(models, name)
    return found


def _account_column(table: str, fields: set[str]) -> str | None:
    if table == ACCOUNTS:
        return "id"
    return "account_id" if fields & {"account", "account_id"} else None


def listed(engine: str) -> dict[Unscoped, bool]:
    """The blocks that are known not to name the account, and whether each whole run sends them."""
    lines = [line for line in (LISTS / f"{engine}.txt").read_text().splitlines() if line and not line.startswith("#")]
    return {Unscoped(*line.removeprefix(SOMETIMES).split(SEPARATOR, 1)): not line.startswith(SOMETIMES) for line in lines}


def judged(found: Mapping[Unscoped, str], known: Mapping[Unscoped, bool], *, whole: bool) -> Verdict:
    """Compare what was found with the list. Only a whole run shows that nothing is sent any more for a line of it."""
    missing = {each for each, is_always_sent in known.items() if is_always_sent and each not in found}
    return Verdict({each: sender for each, sender in found.items() if each not in known}, frozenset(missing if whole else ()))


def unscoped(senders: Mapping[str, str], engine: str) -> dict[Unscoped, str]:
    """The tables that statements reach without naming an account, each with a sender."""
    reader = StatementReader(DIALECTS[engine], account_columns())
    texts = {normalised(text): sender for text, sender in senders.items()}
    return {found: sender for text, sender in texts.items() for found in _read(reader, text)}


def _read(reader: StatementReader, text: str) -> frozenset[Unscoped]:
    try:
        return reader.unscoped(text)
    except SqlglotError as error:
        return frozenset({Unscoped("unreadable", f"{text} ({error})")})
