"""The table of deals."""

from tortoise import fields
from tortoise.fields import ForeignKeyRelation
from tortoise.indexes import Index
from tortoise.models import Model

from models import Account, Contact
from models.fields import DecimalColumn, FoldedColumn, InstantColumn, TextColumn


class Deal(Model):
    """Something that a contact may buy."""

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", related_name=False)
    contact: ForeignKeyRelation[Contact] = fields.ForeignKeyField("models.Contact", related_name=False)
    title = TextColumn()
    title_folded = FoldedColumn()
    amount = DecimalColumn(null=True)
    closes_at = InstantColumn(null=True)
    created_at = InstantColumn()
    updated_at = InstantColumn()
    account_id: int
    contact_id: int

    class Meta:
        table = "deals"
        indexes = (
            Index(fields=("account_id", "id")),
            Index(fields=("contact_id", "id")),
            *(Index(fields=("account_id", column, "id")) for column in ("title_folded", "amount", "closes_at", "created_at", "updated_at")),
        )
