"""The names of the ORM's models and query sets that it does not document. No other module uses them, and a test looks for each."""

from collections.abc import Mapping
from typing import Any, TypeVar

from tortoise.fields import Field
from tortoise.models import Model
from tortoise.queryset import ValuesQuery

from models.engine.database import Row

M = TypeVar("M", bound=Model)


def fields_of(model: type[Model]) -> Mapping[str, Field[Any]]:
    """The fields of a model by their names, and by their columns where a column is called otherwise."""
    return model._meta.fields_map


def stored(model: type[Model], column: str, value: Any) -> Any:
    """A value as the column of a model stores it."""
    return fields_of(model)[column].to_db_value(value, model)


def from_row(model: type[M], row: Row) -> M:
    """The instance that a whole row of a model's table stands for."""
    return model._init_from_db(**row)


def statement_of(found: ValuesQuery[Any]) -> tuple[str, list[Any]]:
    """The statement that the ORM would run, and its parameters."""
    found._choose_db_if_not_chosen()
    found._make_query()
    return found.query.get_parameterized_sql()
