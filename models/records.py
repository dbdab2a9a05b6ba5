"""Contacts with their tags and search terms, and appointments.

Each text that conditions compare is stored twice, as given and folded. The writer of a row fills in both.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.fields import SET_NULL, ForeignKeyNullableRelation, ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model

from models.fields import DayColumn, DecimalColumn, FoldedColumn, InstantColumn, TextColumn
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
    """A person or company that the account is in contact with."""

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
    """A folded word of a contact. A search finds the contact by the beginning of the word."""

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
    """A label. Its name is unique within the account, ignoring case."""

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
    """A tag of a contact, with the time at which it was added and the user who added it."""

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


class AppointmentStatus(StrEnum):
    """Whether an appointment is still to take place, and if not what became of it."""

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
