"""Finds the rows of a file that are about the same contact: by id, by e-mail address, or by an id and its address."""

from collections.abc import Callable, Iterator
from itertools import islice

from app.files.importing.repeats import MOST_KEYS, Gathering, Repeats
from app.files.importing.rows import RowMaker, is_id
from app.files.importing.table import Progress, Record, Table

Key = Callable[[Record], str | int]


def records_by_contact(table: Table, maker: RowMaker, progress: Progress) -> Iterator[list[Record]]:
    """Yield the records of the file in lists about one contact each, in the order of their last records."""
    if maker.plan.email_column is None and not maker.plan.is_export:
        return ([record] for record in table.records(progress))
    ids: set[bool] = set()

    def key(record: Record) -> str | int:
        found = maker.key_of(record)
        ids.add(is_id(found))
        return found

    # This pass takes a small part of the time, so it reports no progress.
    repeats = Repeats(map(key if maker.plan.is_export else maker.key_of, table.records(_silent)))
    if ids != {True, False}:
        return Gathering(maker.key_of, repeats.last).together(table.records(progress))
    joined = _joined(table, maker, repeats)
    return Gathering(joined, Repeats(map(joined, table.records(_silent))).last).together(table.records(progress))


def _joined(table: Table, maker: RowMaker, repeats: Repeats) -> Key:
    """Return a key function for files with ids and addresses.

    A record with an id gets its address as its key if the same address occurs elsewhere without an id.
    """
    keyed = ((maker.key_of(record), record) for record in table.records(_silent))
    with_ids = ((key, maker.address_of(record)) for key, record in keyed if is_id(key))
    addresses = dict(islice((pair for pair in with_ids if pair[1] and repeats.may_have(pair[1])), MOST_KEYS))
    return lambda record: addresses.get(key := maker.key_of(record), key)


def _silent(_read: int) -> None:
    """Report no progress, for passes that take a small part of the time."""
