"""The composition that tests run in this process."""

from app.composition import PRODUCT

RECORD_TYPES = PRODUCT.record_types
