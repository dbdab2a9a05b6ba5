"""Custom fields of contacts, their types and their values."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields import ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model

from models.fields import DayColumn, DecimalColumn, DocumentColumn, FoldedColumn, InstantColumn, TextColumn
from models.people import Account
from models.records import Contact


class FieldType(StrEnum):
    """The types of fields. Custom fields have one of those up to TIMEZONE."""

    TEXT = "TEXT"
    LONG_TEXT = "LONG_TEXT"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    URL = "URL"
    NUMBER = "NUMBER"
    PRICE = "PRICE"
    DATE = "DATE"
    DATE_TIME = "DATE_TIME"
    CHECKBOX = "CHECKBOX"
    DROPDOWN = "DROPDOWN"
    LIST = "LIST"
    COUNTRY = "COUNTRY"
    STATE = "STATE"
    TIMEZONE = "TIMEZONE"
    TAGS = "TAGS"
    GROUP = "GROUP"
    REFERENCE = "REFERENCE"
    RELATION = "RELATION"


class CustomField(Model):
    """A field that an account has added to its contacts. Its key and its type never change."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    key = fields.CharField(max_length=64)
    label = TextColumn()
    type = fields.CharEnumField(FieldType, max_length=16)
    choices = DocumentColumn(null=True)
    created_at = InstantColumn()
    updated_at = InstantColumn()
    account_id: int

    class Meta:
        table = "custom_fields"
        unique_together = (("account", "key"),)


class CustomValue(Model):
    """One value of a custom field of a contact. A LIST has a row for each entry.

    The field's type determines the column that holds the value: `text` and `folded` for texts and choices, `text` and
    `long_folded` for LONG_TEXT and URL (too long for an index), `number`, `day`, `instant` or `boolean`.
    """

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    contact: ForeignKeyRelation[Contact] = fields.ForeignKeyField("models.Contact", related_name=False)
    field: ForeignKeyRelation[CustomField] = fields.ForeignKeyField("models.CustomField", related_name=False)
    ordinal = fields.IntField(default=0)
    text = TextColumn(null=True)
    folded = FoldedColumn(null=True)
    long_folded = FoldedColumn(null=True)
    number = DecimalColumn(null=True)
    day = DayColumn(null=True)
    instant = InstantColumn(null=True)
    boolean = fields.BooleanField(null=True)
    account_id: int
    contact_id: int
    field_id: int

    class Meta:
        table = "custom_values"
        unique_together = (("contact", "field", "ordinal"),)
        indexes = tuple(Index(fields=("field_id", column, "contact_id")) for column in ("folded", "number", "day", "instant", "boolean"))
