"""What the product is composed of: its table of record types."""

from resolvers.criteria.language.record_types import RecordTypes
from resolvers.records.appointments import APPOINTMENT

RECORD_TYPES = RecordTypes([APPOINTMENT])
