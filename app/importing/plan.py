"""The plan of an import: which column goes into which field, as the user wished it or as the names suggest it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.importing.fields import Field, Names, plain
from models.errors import BadInput

IGNORE = "-"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for beyond what the names of the columns say."""

    columns: Sequence[str] = ()
    tags: Sequence[str] = ()
    tag_column: str | None = None
    create_fields: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each column, by its position."""

    columns: tuple[str, ...]
    fields: Mapping[int, Field]
    unmatched: tuple[int, ...]
    tag_column: int | None
    tags: tuple[str, ...]
    email_column: int | None
    """The column by which rows find their contacts."""

    def column_named(self, name: str) -> str | None:
        """The column from which a field, or the tags, were taken."""
        if name == "tags" and self.tag_column is not None:
            return self.columns[self.tag_column]
        return next((self.columns[index] for index, field in self.fields.items() if field.name == name), None)


def plan_import(columns: tuple[str, ...], names: Names, wishes: Wishes) -> Plan:
    """Match columns to fields: wishes first, then names, each field once; raises `BadInput` for what does not exist."""
    chosen = dict(_wished(columns, names, wish) for wish in wishes.columns)
    tag_column = None if wishes.tag_column is None else _column(columns, wishes.tag_column, "--tag-column")
    fields = {index: field for index, field in chosen.items() if field is not None}
    _refuse_twice(columns, fields)
    free = [index for index, column in enumerate(columns) if column and index not in chosen and index != tag_column]
    for known in (names.own, names.others):
        for index in free:
            field = known.get(plain(columns[index]))
            if field and index not in fields and field not in fields.values():
                fields[index] = field
    return Plan(
        columns=columns,
        fields=dict(sorted(fields.items())),
        unmatched=tuple(index for index in free if index not in fields),
        tag_column=tag_column,
        tags=tuple(wishes.tags),
        email_column=next((index for index, field in fields.items() if field == names.own["email"]), None),
    )


def _wished(columns: Sequence[str], names: Names, wish: str) -> tuple[int, Field | None]:
    column, equals, name = wish.rpartition("=")
    if not equals:
        raise BadInput(f"--map takes COLUMN=FIELD, or COLUMN={IGNORE} to leave a column out, not {wish}.")
    index = _column(columns, column, "--map")
    if name.strip() == IGNORE:
        return index, None
    field = names.meaning(name)
    if field is None:
        raise BadInput(f"--map: there is no field {name}. The fields are {names.listed()}.")
    return index, field


def _column(columns: Sequence[str], name: str, option: str) -> int:
    exact = [index for index, column in enumerate(columns) if column == name.strip()]
    alike = [index for index, column in enumerate(columns) if column and plain(column) == plain(name)]
    for found in (exact, alike):
        if len(found) == 1:
            return found[0]
    raise BadInput(f"{option}: there is no column {name}. The columns are {', '.join(filter(None, columns))}.")


def _refuse_twice(columns: Sequence[str], fields: Mapping[int, Field]) -> None:
    by_field: dict[Field, int] = {}
    for index, field in fields.items():
        if field in by_field:
            raise BadInput(f"--map: {columns[by_field[field]]} and {columns[index]} cannot both be {field.name}.")
        by_field[field] = index
