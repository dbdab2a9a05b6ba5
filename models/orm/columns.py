"""The columns of models, as raw statements declare them."""

import re

from tortoise.models import Model

LINKS = ("id", "account_id", "contact_id")


def value_columns(model: type[Model]) -> dict[str, str]:
    """The columns of a record that a contact owns, with their SQL types: all but its id, its account and its contact."""
    columns = {each["db_column"]: each["db_field_types"] for each in model.describe(serializable=False)["data_fields"]}
    return {name: _type(str(types[""])) for name, types in columns.items() if name not in LINKS}


def _type(declared: str) -> str:
    """The name of a declared type, without its length or collation."""
    return re.split(r"[ (]", declared)[0].lower()
