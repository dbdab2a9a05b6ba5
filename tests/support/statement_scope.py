"""Which tables a statement reaches without naming an account.

SQL is read block by block. A block is one SELECT, INSERT, UPDATE or DELETE with the tables that it names itself. Statements differ in how
they combine blocks, and much less in the blocks, so queries in parentheses are taken out first, and each text is parsed once.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

from sqlglot import exp, parse_one

CHECKED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
BLOCKS = (exp.Select, exp.Insert, exp.Update, exp.Delete)
OUTER_JOINS = ("LEFT", "RIGHT", "FULL")
ACCOUNTS = "accounts"
ELIDED = exp.Var(this="...")
ENGINES_APART = (  # what only one engine writes so, and what the other writes
    (r"CAST\(0 AS \w+\)", "0"),
    (r" NULLS LAST| OFFSET 0$", ""),
    (r"NOT ([\w.]+) IS NULL", r"\1 IS NOT NULL"),
    (r"= ANY\(ARRAY\(\.\.\.\)\)", "IN (...)"),
    (r"= ANY\(\(?CAST\(0 AS \w+\[\]\)\)?\)", "IN (...)"),
    (r"= ANY\(\(?CAST\(0 AS ARRAY<\w+>\)\)?\)", "IN (...)"),
    (r"JSON_TO_RECORDSET\(CAST\(0 AS JSON\)\) AS (\w+)\([^()]*\)", r"(...) AS \1"),
)
SHOWN_COLUMNS = 4
INNER = "inner_query_"  # (SELECT inner_query_0) stands in a text for the first query in parentheses

_VALUES = re.compile(
    r"(?P<text>'(?:[^']|'')*')|\?|\$\d+|(?<![\w\"$.\[])\d+(?:\.\d+)?\b|(?P<table>\"\w+\")\.(?P<column>\"\w+\")",
)
_LISTED = re.compile(r"(?P<part>(?<!\w)0|\(0\))(?:\s*,\s*(?P=part))+")
_REPEATED = re.compile(r"(?P<part>\([^()]*\))(?:\s*(?:OR|AND)\s*(?P=part))+")
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\((?:\s*(?P<query>(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b))?|\)", re.IGNORECASE)

AccountColumns = Mapping[str, str | None]
"""For each table of accounts the column that holds the account, or None where it has none."""


class Unscoped(NamedTuple):
    """A table that a block reaches whatever account its rows belong to."""

    table: str
    block: str


class Text(NamedTuple):
    """A statement, or a query in parentheses, and the queries in its own parentheses by their numbers."""

    sql: str
    inner: "tuple[Text, ...]"


class Source(NamedTuple):
    """An account table by its alias, the column that holds the account, and whether a block binds it to one."""

    alias: str
    account: str | None
    bound: bool = False


@dataclass(slots=True)
class _Open:
    """A query that is being split off: its text so far, the queries in it, and how many of its parentheses are open."""

    pieces: list[str] = field(default_factory=list)
    inner: list[Text] = field(default_factory=list)
    depth: int = 0


def normalised(sql: str) -> str:
    """A statement without its values, and without the columns that criteria compare: statements that differ in nothing else are one."""
    return _REPEATED.sub(r"\g<part>", _LISTED.sub(r"\g<part>", _VALUES.sub(_generalised, " ".join(sql.split()))))


def _generalised(found: re.Match[str]) -> str:
    if found["text"] or found["column"] == '"account_id"':
        return found[0]
    return f'{found["table"]}."..."' if found["table"] else "0"


def split(sql: str) -> Text:
    """Take a statement apart at the queries in parentheses."""
    stack, end = [_Open()], 0
    for found in _TOKEN.finditer(sql):
        stack[-1].pieces.append(sql[end : found.start()])
        end = found.end()
        if found["query"]:
            stack.append(_Open([found["query"]]))
        elif found[0] == ")" and not stack[-1].depth:
            closed = stack.pop()
            stack[-1].pieces.append(f"(SELECT {INNER}{len(stack[-1].inner)})")
            stack[-1].inner.append(Text("".join(closed.pieces), tuple(closed.inner)))
        else:
            stack[-1].depth += {"(": 1, ")": -1}.get(found[0], 0)
            stack[-1].pieces.append(found[0])
    (whole,) = stack
    return Text("".join([*whole.pieces, sql[end:]]), tuple(whole.inner))


@dataclass(slots=True)
class Block:
    """A parsed block: its tables by alias, its conditions, each with the only alias that it can bind if there is one, and what is in it."""

    node: exp.Expr
    tables: list[exp.Table] = field(default_factory=list)
    conditions: list[tuple[exp.Expr, str | None]] = field(default_factory=list)
    queries: list[int] = field(default_factory=list)
    blocks: "list[Block]" = field(default_factory=list)
    shown: str = ""


def _blocks(tree: exp.Expr) -> Iterator[Block]:
    """The outermost blocks of a tree."""
    for node in tree.walk(prune=lambda node: isinstance(node, BLOCKS)):
        if isinstance(node, BLOCKS):
            yield _block(node)


def _block(node: exp.Expr) -> Block:
    block = Block(node)
    for argument in node.args.values():
        for part in argument if isinstance(argument, list) else [argument]:
            if isinstance(part, exp.Expr):
                for found in part.walk(prune=_is_foreign):
                    _note(found, block)
    return block


def _is_foreign(node: exp.Expr) -> bool:
    return isinstance(node, (*BLOCKS, exp.Lock))  # the tables that a block locks were named before


def _note(node: exp.Expr, block: Block) -> None:
    match node:
        case exp.Select(expressions=[exp.Column(this=exp.Identifier(this=name))]) if name.startswith(INNER):
            block.queries.append(int(name.removeprefix(INNER)))
        case exp.Table():
            block.tables.append(node)
        case exp.Where():
            block.conditions.append((node.this, None))
        case exp.Join() if node.args.get("on"):
            block.conditions.append((node.args["on"], node.alias_or_name if node.side in OUTER_JOINS else None))
        case _ if isinstance(node, BLOCKS):
            block.blocks.append(_block(node))


class StatementReader:
    """Finds the account tables that statements of an engine reach without naming an account."""

    def __init__(self, dialect: str, columns: AccountColumns) -> None:
        self._dialect = dialect
        self._columns = columns
        self._parsed: dict[str, list[Block]] = {}
        self._found: dict[tuple[Text, tuple[Source, ...]], frozenset[Unscoped]] = {}

    def unscoped(self, sql: str) -> frozenset[Unscoped]:
        """The tables of a normalised statement that are not bound to an account, none where it neither reads nor writes rows."""
        return self._of_text(split(sql), ()) if sql.lstrip(" (").upper().startswith(CHECKED) else frozenset()

    def _of_text(self, text: Text, outer: tuple[Source, ...]) -> frozenset[Unscoped]:
        if (text, outer) not in self._found:
            if text.sql not in self._parsed:
                self._parsed[text.sql] = list(_blocks(parse_one(text.sql, dialect=self._dialect)))
            self._found[text, outer] = frozenset().union(*(self._of_block(block, text, outer) for block in self._parsed[text.sql]))
        return self._found[text, outer]

    def _of_block(self, block: Block, text: Text, outer: tuple[Source, ...]) -> frozenset[Unscoped]:
        tables = {table.alias_or_name: table.name for table in block.tables if table.name in self._columns}
        sources = _bound(block, tuple(Source(alias, self._columns[table]) for alias, table in tables.items()), outer)
        own = {Unscoped(tables[source.alias], _shown(block)) for source in sources if not source.bound}
        inside = [self._of_block(inner, text, sources + outer) for inner in block.blocks]
        return frozenset(own).union(*inside, *(self._of_text(text.inner[number], sources + outer) for number in block.queries))


def _bound(block: Block, sources: tuple[Source, ...], outer: tuple[Source, ...]) -> tuple[Source, ...]:
    """The sources of a block, with those bound whose account is required to equal a given value or that of a bound source."""
    if isinstance(block.node, exp.Insert):
        target = block.node.this
        names = {column.name for column in target.expressions}
        is_account = target.find(exp.Table).name == ACCOUNTS  # which gets its id from the engine
        return tuple(source._replace(bound=is_account or source.account in names) for source in sources)
    while True:
        found = {alias for condition, only in block.conditions for alias in _bound_by(condition, sources, outer) if only in (None, alias)}
        further = tuple(source._replace(bound=source.bound or source.alias in found) for source in sources)
        if further == sources:
            return sources
        sources = further


def _bound_by(condition: exp.Expr, sources: tuple[Source, ...], outer: tuple[Source, ...]) -> set[str]:
    """The aliases that a condition binds, given those that are bound already."""
    match condition:
        case exp.Paren():
            return _bound_by(condition.this, sources, outer)
        case exp.And():
            return reduce(set.union, (_bound_by(each, sources, outer) for each in condition.flatten()))
        case exp.Or():
            return reduce(set.intersection, (_bound_by(each, sources, outer) for each in condition.flatten()))
        case exp.EQ():
            left, right = _without_hint(condition.left), _without_hint(condition.right)
            sides = ((left, right), (right, left))
            return {alias for side, other in sides for alias in _equated(side, other, sources, outer)}
    return set()


def _without_hint(side: exp.Expr) -> exp.Expr:
    """A side of an equality without the `+ 0` that keeps the planner from the index of a column."""
    return side.left if isinstance(side, exp.Add) and side.right == exp.Literal.number(0) else side


def _equated(side: exp.Expr, other: exp.Expr, sources: tuple[Source, ...], outer: tuple[Source, ...]) -> set[str]:
    source = _source(side, sources) if isinstance(side, exp.Column) else None
    if source is None or source.account != side.name:
        return set()
    return {source.alias} if all(_is_given(column, sources, outer) for column in _columns(other)) else set()


def _columns(value: exp.Expr) -> Iterator[exp.Column]:
    """The columns in a value, but for those of queries, which are blocks of their own."""
    for node in value.walk(prune=lambda node: isinstance(node, BLOCKS)):
        if isinstance(node, exp.Column):
            yield node


def _is_given(column: exp.Column, sources: tuple[Source, ...], outer: tuple[Source, ...]) -> bool:
    """Whether a column is the account of a bound source, or of no account table at all."""
    source = _source(column, sources) or _source(column, outer)
    return source is None or (source.bound and source.account == column.name)


def _source(column: exp.Column, sources: tuple[Source, ...]) -> Source | None:
    """The source that a column is of. One without a qualifier is of the source with such an account column, else of the first."""
    if column.table:
        return next((source for source in sources if source.alias == column.table), None)
    return next((source for source in sources if source.account == column.name), next(iter(sources), None))


def _shown(block: Block) -> str:
    block.shown = block.shown or shown(block.node)
    return block.shown


def shown(node: exp.Expr) -> str:
    """A block as a text that is the same on both engines, and whatever values, columns and criteria it is for."""
    copied = node.copy()
    for where in list(copied.find_all(exp.Where)):
        where.set("this", _without_criteria(where.this))
    for function in list(copied.find_all(exp.Func)):
        if not isinstance(function, exp.Connector) and any(map(_is_of_criteria, function.find_all(exp.Column))):
            function.set("this", ELIDED.copy())
    if isinstance(copied, exp.Update):
        copied.set("expressions", [ELIDED.copy()])
    elif isinstance(copied, exp.Insert) and isinstance(copied.this, exp.Schema):
        copied.this.set("expressions", [ELIDED.copy()])
    elif isinstance(copied, exp.Select):
        copied.set("locks", None)
        if len(copied.expressions) > SHOWN_COLUMNS:  # the ORM lists its columns in another order in each process
            copied.set("expressions", [ELIDED.copy()])
    text = re.sub(rf"SELECT {INNER}\d+", ELIDED.name, copied.sql())
    for written, meant in ENGINES_APART:
        text = re.sub(written, meant, text)
    return text


def _without_criteria(condition: exp.Expr) -> exp.Expr:
    """A condition without the parts that criteria wrote, of which there is no end. They quote columns, or have none of their own."""
    parts = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
    kept = [part for part in parts if (columns := list(_named(part))) and not any(map(_is_of_criteria, columns))]
    return reduce(lambda left, right: exp.And(this=left, expression=right), kept if len(kept) == len(parts) else [*kept, ELIDED.copy()])


def _named(part: exp.Expr) -> Iterator[exp.Column]:
    yield from (column for column in part.find_all(exp.Column) if not column.name.startswith(INNER))


def _is_of_criteria(column: exp.Column) -> bool:
    """Whether criteria, or the ORM, wrote the column: statements of our own quote no names."""
    qualifier = column.args.get("table")
    return qualifier is not None and bool(qualifier.args.get("quoted"))
