"""The plan of an import: which column goes into which field, as the user wished it or as the names suggest it."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from app.files.exchange import CUSTOM, ID, MARK, TAGS
from app.files.importing.fields import Field, Names, plain
from models.errors import BadInput
from resolvers.values.validation import camel

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
    id_column: int | None = None
    mark_column: int | None = None
    """The columns by which rows of an export find their contacts first: the id, and where it is valid."""

    @property
    def is_export(self) -> bool:
        """Whether the file was exported, so that its cells are exactly what they were."""
        return self.mark_column is not None

    def column_at(self, path: Sequence[str]) -> str | None:
        """The column from which that was taken which this path leads to in a row."""
        for name in path:
            if name == TAGS and CUSTOM not in path and self.tag_column is not None:
                return self.columns[self.tag_column]
            for index, field in self.fields.items():
                if field.is_custom == (CUSTOM in path) and name == (field.key if field.is_custom else camel(field.key)):
                    return self.columns[index]
        return None


def plan_import(columns: tuple[str, ...], names: Names, wishes: Wishes) -> Plan:
    """Match columns to fields: wishes first, then names, each field once; raises `BadInput` for what does not exist."""
    chosen = dict(_wished(columns, names, wish) for wish in wishes.columns)
    special = _special(columns, names, wishes, chosen)
    fields = {index: field for index, field in chosen.items() if field is not None}
    _refuse_twice(columns, fields)
    free = [index for index, column in enumerate(columns) if column and index not in chosen and index not in special.values()]
    _match(columns, free, names, fields)
    return Plan(
        columns=columns,
        fields=dict(sorted(fields.items())),
        unmatched=tuple(index for index in free if index not in fields),
        tag_column=special.get(TAGS),
        tags=tuple(wishes.tags),
        email_column=next((index for index, field in fields.items() if field == names.exact["email"]), None),
        id_column=special.get(ID),
        mark_column=special.get(MARK),
    )


def _special(columns: Sequence[str], names: Names, wishes: Wishes, chosen: Container[int]) -> dict[str, int]:
    """The columns that are no fields: tags, and in a file that was exported the ids and where they are valid."""
    found = {name: columns.index(name) for name in (ID, MARK, TAGS) if name in columns and columns.index(name) not in chosen}
    if MARK not in found:
        found.pop(ID, None)  # the ids of whatever other program wrote the file
    if wishes.tag_column is not None:
        found[TAGS] = _column(columns, wishes.tag_column, "--tag-column")
    elif TAGS not in found and TAGS not in names.own:  # unless a custom field is called so
        alike = [index for index, column in enumerate(columns) if plain(column) == TAGS and index not in chosen]
        found.update({TAGS: alike[0]} if alike else {})
    return found


def _match(columns: Sequence[str], free: Sequence[int], names: Names, fields: dict[int, Field]) -> None:
    """Give each free column the field that its name means, unless another column has it."""
    meanings: tuple[Callable[[str], Field | None], ...] = (
        names.exact.get,
        lambda name: names.own.get(plain(name)),
        lambda name: names.others.get(plain(name)),
    )
    for meaning in meanings:
        for index in free:
            field = meaning(columns[index])
            if field and index not in fields and field not in fields.values():
                fields[index] = field


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
