"""The product with deals."""

from app.composition import PRODUCT, Composition
from models.engine.configuration import TableSet
from resolvers.criteria.language.record_types import RecordTypes
from tests.deals.records import DEAL
from tests.deals.schema import ADDED_FIELDS

DEAL_TABLES = TableSet("deals", ["tests.deals.models"], "tests.deals.migrations")

PRODUCT_WITH_DEALS = Composition(
    record_types=RecordTypes([*PRODUCT.record_types.owned, DEAL]),
    table_sets=[*PRODUCT.table_sets, DEAL_TABLES],
    added_fields=ADDED_FIELDS,
)
