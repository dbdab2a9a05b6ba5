"""The compositions that tests run in this process: the product's, or for modules that say so the product with deals."""

from app.composition import PRODUCT, Composition
from models.engine.database import Database
from tests.deals.composition import DEAL_TABLES, PRODUCT_WITH_DEALS

RECORD_TYPES = PRODUCT.record_types


def composition_of(database: Database) -> Composition:
    """The composition whose tables the database was opened with."""
    return PRODUCT_WITH_DEALS if DEAL_TABLES in database.table_sets else PRODUCT
