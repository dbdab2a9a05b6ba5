"""Import contacts, many rows in one transaction: all or nothing, or the good rows with a report on the others."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models import ChangeCause
from models.errors import ProblemCode, refuse
from models.event_loop import cooperatively
from resolvers.access.roles import require_editor
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.records.drafts import Row
from resolvers.records.save_contacts import SaveResult, save_contacts
from resolvers.write import write

MOST_ROWS = 1000  # of one call, because all are written in one transaction whose locks block other writers
CHUNK = MOST_ROWS  # rows of a file in one transaction: half as many would take a tenth longer


async def import_contacts(context: Context, *, rows: Sequence[Mapping[str, Any]]) -> SaveResult:
    """Create or update a contact for every row, or none if any row has a problem."""
    require_editor(context)
    if len(rows) > MOST_ROWS:
        raise refuse(ProblemCode.LIMIT_EXCEEDED, f"These are {len(rows):,} rows. Send at most {MOST_ROWS:,} in a call.", "input", "rows")
    read = [row async for row in cooperatively(_read(rows))]

    async def work(change: Change) -> SaveResult:
        result = await save_contacts(context, change, read)
        result.raise_any()
        return result

    return await write(context, ChangeCause.IMPORT, work)


def _read(rows: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for index, row in enumerate(rows):
        yield Row(row["fields"], row.get("tags") or (), row.get("create_missing_tags", False), path=("input", "rows", str(index)))


async def import_good_rows(context: Context, rows: Sequence[Row]) -> SaveResult:
    """Create or update a contact for every row without problems, in one transaction, and report the other rows."""
    require_editor(context)
    return await write(context, ChangeCause.IMPORT, lambda change: save_contacts(context, change, rows))
