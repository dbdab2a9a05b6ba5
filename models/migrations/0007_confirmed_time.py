from tortoise import migrations
from tortoise.expressions import F
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

from models.fields import InstantColumn


async def confirm_settled_time(apps: StateApps, editor: BaseSchemaEditor) -> None:
    await apps.get_model("models.Clock").all().using_db(editor.client).update(confirmed=F("settled"))


class Migration(migrations.Migration):
    dependencies = [("models", "0006_account_marks")]
    initial = False

    operations = [
        ops.AddField(model_name="Clock", name="confirmed", field=InstantColumn(db_default=0, generated=False, null=False, unique=False)),
        ops.RunPython(confirm_settled_time),
    ]
