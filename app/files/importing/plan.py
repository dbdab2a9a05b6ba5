"""Decides which column of an import goes into which field, by options and by column names."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from app.files.exchange import CUSTOM, ID, MARK, TAGS
from app.files.importing.fields import Field, Names, normalised
from models.errors import BadInput
from resolvers.values.validation import camel

IGNORE = "-"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Options of an import that override the matching by column names."""

    columns: Sequence[str] = ()
    tags: Sequence[str] = ()
    tag_column: str | None = None
    create_fields: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The field of each column, by the column's position."""

    columns: tuple[str, ...]
    fields: Mapping[int, Field]
    unmatched: tuple[int, ...]
    tag_column: int | None
    tags: tuple[str, ...]
    email_column: int | None
    """The column with the e-mail address that identifies a contact."""
    id_column: int | None = None
    mark_column: int | None = None
    """The columns of an exported file that identify a contact: its id, and the account in which the id is valid."""

    @property
    def is_export(self) -> bool:
        """Whether the file is an export, whose cells are taken exactly as they are."""
        return self.mark_column is not None

    def column_at(self, path: Sequence[str]) -> str | None:
        """Return the name of the column that a path in an error message refers to."""
        for name in path:
            if name == TAGS and CUSTOM not in path and self.tag_column is not None:
                return self.columns[self.tag_column]
            for index, field in self.fields.items():
                if field.is_custom == (CUSTOM in path) and name == (field.key if field.is_custom else camel(field.key)):
                    return self.columns[index]
        return None


def plan_import(columns: tuple[str, ...], names: Names, options: ImportOptions) -> Plan:
    """Match each column to at most one field, by options first and then by name. Raises `BadInput` for names that do not exist."""
    chosen = dict(_mapped(columns, names, mapping) for mapping in options.columns)
    special = _special(columns, names, options, chosen)
    fields = {index: field for index, field in chosen.items() if field is not None}
    _refuse_twice(columns, fields)
    free = [index for index, column in enumerate(columns) if column and index not in chosen and index not in special.values()]
    _match(columns, free, names, fields)
    return Plan(
        columns=columns,
        fields=dict(sorted(fields.items())),
        unmatched=tuple(index for index in free if index not in fields),
        tag_column=special.get(TAGS),
        tags=tuple(options.tags),
        email_column=next((index for index, field in fields.items() if field == names.exact["email"]), None),
        id_column=special.get(ID),
        mark_column=special.get(MARK),
    )


def _special(columns: Sequence[str], names: Names, options: ImportOptions, chosen: Container[int]) -> dict[str, int]:
    """Find the columns that are not fields: tags, and the id and mark of an exported file."""
    found = {name: columns.index(name) for name in (ID, MARK, TAGS) if name in columns and columns.index(name) not in chosen}
    if MARK not in found:
        found.pop(ID, None)  # ids of another program
    if options.tag_column is not None:
        found[TAGS] = _column(columns, options.tag_column, "--tag-column")
    elif TAGS not in found and TAGS not in names.own:  # a custom field may have this name
        same = [index for index, column in enumerate(columns) if normalised(column) == TAGS and index not in chosen]
        found.update({TAGS: same[0]} if same else {})
    return found


def _match(columns: Sequence[str], free: Sequence[int], names: Names, fields: dict[int, Field]) -> None:
    """Match each remaining column to the field with its name, unless another column has that field."""
    meanings: tuple[Callable[[str], Field | None], ...] = (
        names.exact.get,
        lambda name: names.own.get(normalised(name)),
        lambda name: names.others.get(normalised(name)),
    )
    for meaning in meanings:
        for index in free:
            field = meaning(columns[index])
            if field and index not in fields and field not in fields.values():
                fields[index] = field


def _mapped(columns: Sequence[str], names: Names, mapping: str) -> tuple[int, Field | None]:
    column, equals, name = mapping.rpartition("=")
    if not equals:
        raise BadInput(f"--map takes COLUMN=FIELD, or COLUMN={IGNORE} to leave a column out, not {mapping}.")
    index = _column(columns, column, "--map")
    if name.strip() == IGNORE:
        return index, None
    field = names.find(name)
    if field is None:
        raise BadInput(f"--map: there is no field {name}. The fields are {names.listed()}.")
    return index, field


def _column(columns: Sequence[str], name: str, option: str) -> int:
    exact = [index for index, column in enumerate(columns) if column == name.strip()]
    same = [index for index, column in enumerate(columns) if column and normalised(column) == normalised(name)]
    for found in (exact, same):
        if len(found) == 1:
            return found[0]
    raise BadInput(f"{option}: there is no column {name}. The columns are {', '.join(filter(None, columns))}.")


def _refuse_twice(columns: Sequence[str], fields: Mapping[int, Field]) -> None:
    by_field: dict[Field, int] = {}
    for index, field in fields.items():
        if field in by_field:
            raise BadInput(f"--map: {columns[by_field[field]]} and {columns[index]} cannot both be {field.name}.")
        by_field[field] = index
