"""What groups are made of: contacts with their tags, custom values and search terms, and appointments.

Every text that conditions compare is stored twice, as given and folded; the writer of a row fills in both.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.fields import SET_NULL, ForeignKeyNullableRelation, ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model

from models.fields import DayColumn, DecimalColumn, DocumentColumn, FoldedColumn, InstantColumn, TextColumn
from models.people import Account, User

CONTACT_TEXTS = (
    "email",
    "first_name",
    "last_name",
    "phone",
    "company",
    "job_title",
    "address",
    "city",
    "state",
    "country",
    "postal_code",
    "timezone",
    "website",
    "source",
    "status",
)
CONTACT_ORDERED = ("score", "spent", "birthday", "last_activity_at", "created_at", "updated_at", "owner_id")
LONG_TEXTS = ("address", "website")
APPOINTMENT_TEXTS = ("title", "location")


def _by(*columns: str) -> tuple[Index, ...]:
    return tuple(Index(fields=("account_id", column, "id")) for column in columns)


class Contact(Model):
    """A person or company that the account keeps in touch with."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    email = TextColumn(null=True)
    email_folded = FoldedColumn(null=True)
    first_name = TextColumn(null=True)
    first_name_folded = FoldedColumn(null=True)
    last_name = TextColumn(null=True)
    last_name_folded = FoldedColumn(null=True)
    phone = TextColumn(null=True)
    phone_folded = FoldedColumn(null=True)
    phone_e164 = TextColumn(null=True)
    company = TextColumn(null=True)
    company_folded = FoldedColumn(null=True)
    job_title = TextColumn(null=True)
    job_title_folded = FoldedColumn(null=True)
    address = TextColumn(null=True)
    address_folded = FoldedColumn(null=True)
    city = TextColumn(null=True)
    city_folded = FoldedColumn(null=True)
    state = TextColumn(null=True)
    state_folded = FoldedColumn(null=True)
    country = TextColumn(null=True)
    country_folded = FoldedColumn(null=True)
    postal_code = TextColumn(null=True)
    postal_code_folded = FoldedColumn(null=True)
    timezone = TextColumn(null=True)
    timezone_folded = FoldedColumn(null=True)
    website = TextColumn(null=True)
    website_folded = FoldedColumn(null=True)
    source = TextColumn(null=True)
    source_folded = FoldedColumn(null=True)
    status = TextColumn(null=True)
    status_folded = FoldedColumn(null=True)
    score = fields.IntField(null=True)
    spent = DecimalColumn(null=True)
    birthday = DayColumn(null=True)
    last_activity_at = InstantColumn(null=True)
    owner: ForeignKeyNullableRelation[User] = fields.ForeignKeyField("models.User", related_name=False, null=True, on_delete=SET_NULL)
    created_at = InstantColumn()
    updated_at = InstantColumn()
    account_id: int
    owner_id: int | None

    class Meta:
        table = "contacts"
        unique_together = (("account", "email_folded"),)
        indexes = (
            Index(fields=("account_id", "id")),
            *_by(*(f"{name}_folded" for name in CONTACT_TEXTS if name not in ("email", *LONG_TEXTS))),
            *_by(*CONTACT_ORDERED),
        )


class SearchTerm(Model):
    """A folded word by which a contact is found, at its beginning."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    contact: ForeignKeyRelation[Contact] = fields.ForeignKeyField("models.Contact", related_name=False)
    term = FoldedColumn()
    account_id: int
    contact_id: int

    class Meta:
        table = "search_terms"
        unique_together = (("contact", "term"),)
        indexes = (Index(fields=("account_id", "term", "contact_id")),)


class Tag(Model):
    """A label whose name is unique within the account, whatever its case."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    name = TextColumn()
    name_folded = FoldedColumn()
    description = TextColumn(null=True)
    color = TextColumn(null=True)
    created_at = InstantColumn()
    updated_at = InstantColumn()
    account_id: int

    class Meta:
        table = "tags"
        unique_together = (("account", "name_folded"),)


class Tagging(Model):
    """That a contact carries a tag: since when, and by whom."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    contact: ForeignKeyRelation[Contact] = fields.ForeignKeyField("models.Contact", related_name=False)
    tag: ForeignKeyRelation[Tag] = fields.ForeignKeyField("models.Tag", related_name=False)
    tagged_at = InstantColumn()
    tagged_by: ForeignKeyNullableRelation[User] = fields.ForeignKeyField("models.User", related_name=False, null=True, on_delete=SET_NULL)
    account_id: int
    contact_id: int
    tag_id: int
    tagged_by_id: int | None

    class Meta:
        table = "taggings"
        unique_together = (("contact", "tag"),)
        indexes = (Index(fields=("tag_id", "contact_id")), Index(fields=("tag_id", "tagged_at", "contact_id")))


class FieldType(StrEnum):
    """The kinds of field; those up to TIMEZONE may be custom fields."""

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
    """A field that an account has added to its contacts, with a key and a type that never change."""

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
    """One value of a custom field on a contact (a LIST has a row for each entry).

    The column that is filled follows from the field's type: `text` and `folded` for texts and choices, `text` and
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


class AppointmentStatus(StrEnum):
    """How far an appointment has come."""

    SCHEDULED = "SCHEDULED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    NO_SHOW = "NO_SHOW"


class Appointment(Model):
    """A meeting with a contact."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    contact: ForeignKeyRelation[Contact] = fields.ForeignKeyField("models.Contact", related_name=False)
    title = TextColumn()
    title_folded = FoldedColumn()
    location = TextColumn(null=True)
    location_folded = FoldedColumn(null=True)
    status = fields.CharEnumField(AppointmentStatus, max_length=9)
    starts_at = InstantColumn()
    ends_at = InstantColumn(null=True)
    created_at = InstantColumn()
    updated_at = InstantColumn()
    account_id: int
    contact_id: int

    class Meta:
        table = "appointments"
        indexes = (
            Index(fields=("account_id", "id")),
            Index(fields=("contact_id", "id")),
            Index(fields=("account_id", "contact_id", "id")),
            *_by("title_folded", "location_folded", "starts_at", "ends_at", "created_at", "updated_at"),
        )
