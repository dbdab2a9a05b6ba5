"""The columns of models, as raw statements declare them."""

import re

from tortoise.models import Model

LINKS = ("id", "account_id", "contact_id")


def value_columns(model: type[Model]) -> dict[str, str]:
    """The columns of a record that a contact owns, with their SQL types: all but its id, its account and its contact."""
    fields = model._meta.fields_map.items()
    return {
        name: _type(str(field.get_for_dialect("postgres", "SQL_TYPE")))
        for name, field in fields
        if field.has_db_field and name not in LINKS
    }


def _type(declared: str) -> str:
    return re.split(r"[ (]", declared)[0].lower()
