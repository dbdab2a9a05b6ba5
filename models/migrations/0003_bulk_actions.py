from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.bulk import BulkActionState
from models.fields import DocumentColumn, InstantColumn, TextColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0002_member_sets")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BulkAction",
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
                    "state",
                    fields.CharEnumField(
                        description="QUEUED: QUEUED\nRUNNING: RUNNING\nCOMPLETED: COMPLETED\nCANCELLED: CANCELLED\nFAILED: FAILED",
                        enum_type=BulkActionState,
                        max_length=9,
                    ),
                ),
                ("target", DocumentColumn(generated=False, null=False, unique=False)),
                ("change", DocumentColumn(generated=False, null=False, unique=False)),
                ("total", fields.BigIntField()),
                ("processed", fields.BigIntField(default=0)),
                ("changed", fields.BigIntField(default=0)),
                ("kept", fields.BigIntField(default=0)),
                ("position", fields.BigIntField(default=0)),
                (
                    "started_by",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="started_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("undoes_id", fields.BigIntField(null=True)),
                ("idempotency_key", TextColumn(null=True, generated=False, unique=False)),
                ("fingerprint", fields.CharField(max_length=64)),
                ("created_at", InstantColumn(generated=False, null=False, unique=False)),
                ("started_at", InstantColumn(null=True, generated=False, unique=False)),
                ("worked_at", InstantColumn(generated=False, null=False, unique=False)),
                ("finished_at", InstantColumn(null=True, generated=False, unique=False)),
                ("error", TextColumn(null=True, generated=False, unique=False)),
            ],
            options={
                "table": "bulk_actions",
                "app": "models",
                "unique_together": (("account", "idempotency_key"),),
                "indexes": [Index(fields=["account_id", "id"]), Index(fields=["state", "worked_at"]), Index(fields=["undoes_id"])],
                "pk_attr": "id",
                "table_description": "One change of many contacts, on behalf of a user, and how far it has come.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="BulkInverse",
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
                    "action",
                    fields.ForeignKeyField(
                        "models.BulkAction",
                        source_field="action_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("position", fields.BigIntField()),
                ("contacts", fields.IntField()),
                ("inverse", fields.BinaryField()),
            ],
            options={
                "table": "bulk_inverses",
                "app": "models",
                "unique_together": (("action", "position"),),
                "pk_attr": "id",
                "table_description": "What it takes to undo one chunk of a bulk action, as compressed JSON: the chunk that ended at the contact `position`.",
            },
            bases=["Model"],
        ),
    ]
