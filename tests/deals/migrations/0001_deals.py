from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.fields import DecimalColumn, FoldedColumn, InstantColumn, TextColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0006_account_marks")]
    initial = True

    operations = [
        ops.CreateModel(
            name="Deal",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "contact",
                    fields.ForeignKeyField(
                        "models.Contact",
                        source_field="contact_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("title", TextColumn(generated=False, null=False, unique=False)),
                ("title_folded", FoldedColumn(generated=False, null=False, unique=False)),
                ("amount", DecimalColumn(null=True, generated=False, unique=False)),
                ("closes_at", InstantColumn(null=True, generated=False, unique=False)),
                ("created_at", InstantColumn(generated=False, null=False, unique=False)),
                ("updated_at", InstantColumn(generated=False, null=False, unique=False)),
            ],
            options={
                "table": "deals",
                "app": "deals",
                "indexes": [
                    Index(fields=["account_id", "id"]),
                    Index(fields=["contact_id", "id"]),
                    Index(fields=["account_id", "title_folded", "id"]),
                    Index(fields=["account_id", "amount", "id"]),
                    Index(fields=["account_id", "closes_at", "id"]),
                    Index(fields=["account_id", "created_at", "id"]),
                    Index(fields=["account_id", "updated_at", "id"]),
                ],
                "pk_attr": "id",
                "table_description": "Something that a contact may buy.",
            },
            bases=["Model"],
        ),
    ]
