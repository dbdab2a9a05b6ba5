"""Caches strawberry's conversion of names, which it repeats for every value of every request."""

from functools import lru_cache

from strawberry.schema.name_converter import NameConverter
from typing_extensions import override

MOST_NAMES = 4_096  # names of fields and arguments, several times as many as the schema has


class Naming(NameConverter):
    """Converts Python's names to GraphQL's."""

    @override
    def apply_naming_config(self, name: str) -> str:
        return _camel_case(name)


@lru_cache(MOST_NAMES)
def _camel_case(name: str) -> str:
    return NameConverter(auto_camel_case=True).apply_naming_config(name)
