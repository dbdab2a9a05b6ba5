"""The prices of operations in points, as plain data: the one table to measure again when execution becomes cheaper.

A point stands for some 30 microseconds of one processor in an account of 10,000 contacts, from which single prices differ by less than a
factor of five either way. `tests/test_tariff.py` measures the work behind each price in calls of Python and steps of SQLite, of which one
call takes as long as five. "Measured" below means those calls, in an account of 5,000 contacts, of which 20 to 200 are one point.
"""

from typing import NamedTuple


class Price(NamedTuple):
    """The points of an input, and how many conditions it holds whose number is priced as a square."""

    points: int
    related: int = 0


# ---------------------------------------------------------------- operations

OPERATION = 10  # for any operation: parsing, validation of arguments, sign-in and the answer. Measured: 400
REFUSED_CHARACTERS = 10  # of a refused document that cost one point
REFUSED_VALUES = 10  # in the variables of a refused operation that cost one point

# ---------------------------------------------------------------- answers

FIELD = 1  # for each value of an answer. Measured: 30 to 100 with its share of the row that it stands in
ELEMENT = 1  # for each object of a list, besides its fields. Measured: 150 for a contact of which only the id is selected
CONNECTION = 25  # for each connection, which is a query of its own. Measured: 2,000
WRITE = 50  # for each field of a mutation: a transaction and its log. Measured: 2,400 to 4,500
REWRITE = 200  # for a mutation that reads all records of an account, or all that have a tag or a custom field

FIELDS = {
    "totalCount": 50,  # reads an index of all records. Measured: 4,000
    "Query.preview": 50,  # parses criteria and loads the names in them. Measured: 2,500
    "Query.explain": 20,  # the same, for one record
    "Query.segmentFields": 25,
    "Preview.count": 50,  # a query over all records, whose conditions are priced with the criteria. Measured: 2,000
    "Preview.sample": 50,  # the same
    "Preview.criteriaText": 10,
    "Preview.diagnostics": 10,
    "SegmentField.suggestions": 150,  # groups the values of all records. Measured: 7,000 for a text
    "Tag.contactCount": 10,
    "Tag.usedBy": 10,
    "Group.criteriaText": 10,  # parses the stored criteria, of unknown length. Measured: 500 for one condition
    "Group.diagnostics": 10,  # the same
    "Group.isMember": 10,
    "BulkAction.summary": 10,
    "Mutation.createGroup": REWRITE,
    "Mutation.updateGroup": REWRITE,
    "Mutation.mergeTags": REWRITE,
    "Mutation.deleteTag": REWRITE,
    "Mutation.deleteGroup": REWRITE,
    "Mutation.deleteCustomField": REWRITE,
}
"""Fields that need more than a value of a row, by name or by type and name."""

# ---------------------------------------------------------------- lists

LIST = 10  # elements that a list without a size is assumed to have
LISTS = {
    "Query.segmentFields": 40,  # the fields of contacts, and some custom ones
    "MembersChanged.joined": 500,  # what one entry of the log holds at most
}
"""Lists that are longer or shorter, by type and name."""
ELEMENTS = {
    "Query.nodes": 8,  # each id is decoded and loaded for itself. Measured: 350 to 770
}
"""What each object of a list costs besides its fields, where that is not `ELEMENT`."""

# ---------------------------------------------------------------- introspection

INTROSPECTED = 4  # values of introspection for a point: they need neither a row nor a resolver. Measured: 15 for each

# ---------------------------------------------------------------- inputs

VALUE = 1  # for each value, list and object of an argument. Measured: 75 for a text to compare with, 60 for a field to write
LONG_TEXT = 1_000  # characters of a text for which a further point is due
CONDITION = 40  # for each condition, which is evaluated for all records. Measured: 2,600
ATTACHED = 100  # for each condition on a contact's tags or groups. Measured: 5,500
RELATED = 250  # for each condition on other rows than the record's own. Measured: 12,000
RELATED_SQUARED = 20  # times the square of their number, except custom fields: 30 of them together take PostgreSQL ten times as long as 10
ANNIVERSARY = 500  # for each anniversary, in the ranges of several centuries. Measured: 12,000 to 25,000
PATTERN = 200  # for each text to look for within other texts, which is compared with all records. Measured: 10,500
PREFIX = 2  # for each beginning of a text, which an index finds. Measured: 110
SLOW_PREFIX = 60  # for each beginning of a text in a field without an index. Measured: 1,500
ROW = 15  # for each contact to import, besides its values. Measured: 1,500

OBJECTS = {
    "AnniversaryCondition": Price(ANNIVERSARY, related=3),  # 30 of them together take PostgreSQL a hundred times as long as 10
    "CustomFieldCondition": Price(RELATED),
    "GroupCondition": Price(ATTACHED),
    "TagCondition": Price(ATTACHED),
    "TaggedAtCondition": Price(RELATED, related=1),
    "UpsertContactInput": Price(ROW),
}
"""Inputs by type."""
KINDS_OF_OBJECTS = {
    "Relation": Price(RELATED, related=1),  # such as AppointmentRelation
    "Condition": Price(CONDITION),  # such as TextCondition
}
"""Inputs by the last word of their type."""
KEYS = {"contact": Price(RELATED, related=1)}
"""Inputs by the key of criteria that they stand at, such as the contact of an appointment."""
OPERANDS = {
    "TextCondition.contains": PATTERN,
    "TextCondition.notContains": PATTERN,
    "TextCondition.endsWith": PATTERN,
    "TextCondition.notEndsWith": PATTERN,
    "TextCondition.startsWith": PREFIX,
    "TextCondition.notStartsWith": PREFIX,
    "TagContactsInput.contactIds": 2,  # Measured: 170 with a tag
}
"""What each value of a list costs, where that is not `VALUE`, by type and key."""
NOT_INDEXED = {"ContactCriteria.address", "ContactCriteria.website", "CustomFieldCondition.text"}
"""Texts whose beginnings no index finds, or not always."""
SLOW_OPERANDS = {"TextCondition.startsWith": SLOW_PREFIX, "TextCondition.notStartsWith": SLOW_PREFIX}
"""`OPERANDS` for these texts."""
PRODUCTS = {"TagContactsInput": ("contactIds", "tags")}
"""Inputs that write a row for each pair of values of two lists. Each pair costs `VALUE`."""
