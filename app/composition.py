"""What a program is composed of: its table of record types, the tables it stores them in, and its GraphQL schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.engine.configuration import TABLES, TableSet
from resolvers.criteria.language.record_types import RecordTypes
from resolvers.records.appointments import APPOINTMENT
from schema import build_schema
from schema.errors import MusterSchema
from schema.limits import DocumentLimits


@dataclass(frozen=True, slots=True)
class Composition:
    """What a program is built from: record types, database tables and GraphQL fields.

    To add a record type, pass a further `RecordType`, the set of tables that stores it, and its GraphQL fields. The keys of
    `added_fields` are classes of the product (such as the mutations), its values are classes whose fields are added to them.
    """

    record_types: RecordTypes
    table_sets: Sequence[TableSet] = (TABLES,)
    added_fields: Mapping[type, type] = field(default_factory=dict)

    def schema(self, limits: DocumentLimits | None = None) -> MusterSchema:
        """The GraphQL schema, which accepts documents within these limits."""
        return build_schema([each.name for each in self.record_types.all], self.added_fields, limits)


PRODUCT = Composition(RecordTypes([APPOINTMENT]))
