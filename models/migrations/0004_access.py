from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint

from models.audit import AuditAction
from models.fields import DocumentColumn, InstantColumn, TextColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0003_bulk_actions")]

    initial = False

    operations = [
        # Tokens from before there were scopes go on allowing what their users' roles do.
        ops.AddField(
            model_name="AccessToken",
            name="scopes",
            field=TextColumn(db_default="READ WRITE ADMIN", generated=False, null=False, unique=False),
        ),
        ops.AddField(model_name="User", name="subject", field=TextColumn(null=True, generated=False, unique=False)),
        ops.AddConstraint(model_name="User", constraint=UniqueConstraint(fields=("subject", "account"))),
        ops.AddIndex(model_name="User", index=Index(fields=["email_folded"])),
        ops.CreateModel(
            name="AuditEntry",
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
                ("occurred_at", InstantColumn(generated=False, null=False, unique=False)),
                (
                    "actor",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="actor_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("token_id", fields.BigIntField(null=True)),
                (
                    "action",
                    fields.CharEnumField(
                        description="\n".join(f"{each}: {each}" for each in AuditAction), enum_type=AuditAction, max_length=24
                    ),
                ),
                ("subject", TextColumn(generated=False, null=False, unique=False)),
                ("subject_name", TextColumn(null=True, generated=False, unique=False)),
                ("before", DocumentColumn(null=True, generated=False, unique=False)),
                ("after", DocumentColumn(null=True, generated=False, unique=False)),
                ("audience", TextColumn(generated=False, null=False, unique=False)),
            ],
            options={
                "table": "audit_entries",
                "app": "models",
                "indexes": [
                    Index(fields=["account_id", "id"]),
                    Index(fields=["account_id", "actor_id", "id"]),
                    Index(fields=["account_id", "subject", "id"]),
                    Index(fields=["occurred_at"]),
                ],
                "pk_attr": "id",
                "table_description": "One change, as it was when it was made: nothing in it follows what becomes of its subject later.",
            },
            bases=["Model"],
        ),
    ]
