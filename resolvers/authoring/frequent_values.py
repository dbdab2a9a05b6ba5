"""Finds the most frequent texts of a field.

Counting every row would take seconds in an account with millions of contacts. If no index leads to the texts, or if there
are more rows than a limit, only the newest records are counted.
"""

from dataclasses import dataclass
from typing import Any

from models.errors import BadInput
from models.text import fold, prefix_end, storable
from resolvers.criteria.language.fields import RecordField
from resolvers.operation.context import Context

MOST_VALUES = 100
LOOKED_AT = 20_000  # rows, which takes some hundredths of a second in an account of any size


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to suggest: the `first` most frequent texts with this prefix, counted in at most `most` rows."""

    prefix: str | None = None
    first: int = 20
    most: int = LOOKED_AT

    @property
    def low(self) -> str:
        """The folded prefix: the least text that begins with it."""
        return fold(self.prefix or "")

    @property
    def high(self) -> str | None:
        """The least text above all that begin with the prefix. None if there is none."""
        return prefix_end(self.low)

    def check(self) -> None:
        """Refuse a number or a prefix that is not possible."""
        if not 1 <= self.first <= MOST_VALUES:
            raise BadInput(f"`first` is {self.first}. Ask for 1 to {MOST_VALUES} values at a time.")
        if not storable(self.prefix or ""):
            raise BadInput("`prefix` holds a character that no text may hold. Remove it.")


@dataclass(frozen=True, slots=True)
class Texts:
    """How to read the texts of a field, as parts of SQL statements.

    `all` and `newest` are statements that select the folded text, the id of the record that has it (`bearer`) and the id of
    the row that stores it (`place`), from all records or the newest. `all` is None where no index serves it. `given` is the column
    with the text as it was entered, and `place` joins the row that has that column.
    """

    all: str | None
    newest: str
    given: str
    place: str
    field_id: int = 0  # of a custom field


@dataclass(frozen=True, slots=True)
class Frequent:
    """A text as its oldest record has it, the number of records with it, and the id of the row that it was read from."""

    value: str
    count: int
    place: int


NEWEST_CONTACTS = "SELECT id FROM contacts WHERE account_id = :account ORDER BY id DESC LIMIT :most"

COLUMN = "SELECT {column}_folded AS folded, id AS place, id AS bearer FROM {table} WHERE account_id = :account"

VALUES = "SELECT {column} AS folded, contact_id AS place, contact_id AS bearer FROM"
ALL_VALUES = f"{VALUES} custom_values WHERE field_id = :field"
NEWEST_VALUES = f"{VALUES} ({NEWEST_CONTACTS}) AS newest JOIN custom_values ON contact_id = newest.id AND field_id = :field"

TAGGED = "SELECT name_folded AS folded, tags.id AS place, contact_id AS bearer FROM tags LEFT JOIN"
NEWEST_TAGGINGS = f"(SELECT tag_id, contact_id FROM ({NEWEST_CONTACTS}) AS newest JOIN taggings ON contact_id = newest.id) AS recent"  # noqa: S608  # SQL of our own

TAGS = Texts(
    all=f"{TAGGED} taggings ON tag_id = tags.id WHERE tags.account_id = :account",
    newest=f"{TAGGED} {NEWEST_TAGGINGS} ON tag_id = tags.id WHERE tags.account_id = :account",
    given="name",
    place="tags AS given ON given.id = found.place",
)

# The limit ends the counting, because only whether there are more is needed.
COUNT = "SELECT count(*) AS count FROM (SELECT 1 AS one FROM ({rows}) AS looked_at WHERE {range} LIMIT :enough) AS found"
MOST_FREQUENT = """
    SELECT given.{given} AS value, found.count AS count, found.place AS place FROM (
        SELECT folded, count(bearer) AS count, min(place) AS place FROM ({rows}) AS looked_at
        WHERE {range} GROUP BY folded ORDER BY count(bearer) DESC, folded LIMIT :first
    ) AS found JOIN {place} ORDER BY found.count DESC, found.folded
"""


def of_column(table: str, field: RecordField) -> Texts:
    """The texts in a column of records."""
    column = field.column.removesuffix("_folded")
    rows = COLUMN.format(column=column, table=table)
    return Texts(
        all=rows if field.indexed else None,
        newest=f"{rows} ORDER BY id DESC LIMIT :most",
        given=column,
        place=f"{table} AS given ON given.id = found.place",
    )


def of_custom_field(field_id: int, column: str) -> Texts:
    """The texts of a custom field, which are compared in this column of `custom_values`."""
    return Texts(
        all=ALL_VALUES.format(column=column) if column == "folded" else None,
        newest=NEWEST_VALUES.format(column=column),
        given="text",
        place="custom_values AS given ON given.contact_id = found.place AND given.field_id = :field",
        field_id=field_id,
    )


async def most_frequent(context: Context, texts: Texts, wanted: Wanted) -> list[Frequent]:
    """The most frequent texts that begin with the prefix. Equally frequent ones are in alphabetical order."""
    database = context.services.database
    given: dict[str, Any] = {"account": context.caller.account_id, "field": texts.field_id, "first": wanted.first, "most": wanted.most}
    given |= {"low": wanted.low, "high": wanted.high, "enough": wanted.most + 1}
    within = "folded >= :low" if wanted.high is None else "folded >= :low AND folded < :high"
    rows = texts.newest
    if texts.all:
        count = await database.row(COUNT.format(rows=texts.all, range=within), **given)
        rows = texts.all if count["count"] <= wanted.most else texts.newest
    statement = MOST_FREQUENT.format(rows=rows, range=within, given=texts.given, place=texts.place)
    return [Frequent(row["value"], row["count"], row["place"]) for row in await database.rows(statement, **given)]
