from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

from models.audit import AuditAction
from models.ids import from_global_id


async def restrict_tokens_made_for_others(apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Take the makers of tokens from the audit log, which holds who created them, and with which token."""
    tokens, entries = (apps.get_model(f"models.{name}") for name in ("AccessToken", "AuditEntry"))
    users = dict(await tokens.all().using_db(editor.client).values_list("id", "user_id"))
    makers: dict[int, int] = {}
    created = entries.filter(action=AuditAction.ACCESS_TOKEN_CREATED, actor_id__isnull=False).using_db(editor.client)
    for subject, actor_id, token_id in await created.order_by("id").values_list("subject", "actor_id", "token_id"):
        _, number = from_global_id(subject)
        made_for_another = number in users and users[number] != actor_id
        makers[number] = actor_id if made_for_another else makers.get(token_id or 0, actor_id)
        if number in users:
            await tokens.filter(id=number).using_db(editor.client).update(created_by_id=makers[number])


class Migration(migrations.Migration):
    dependencies = [("models", "0007_confirmed_time")]
    initial = False

    operations = [
        ops.AddField(
            model_name="AccessToken",
            name="created_by",
            field=fields.ForeignKeyField(
                "models.User",
                source_field="created_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name=False,
                on_delete=OnDelete.CASCADE,
            ),
        ),
        ops.AddField(
            model_name="AuditEntry",
            name="token_maker",
            field=fields.ForeignKeyField(
                "models.User",
                source_field="token_maker_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name=False,
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        ops.RunPython(restrict_tokens_made_for_others),
    ]
