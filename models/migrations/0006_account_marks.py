from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

from models.fields import TextColumn
from models.people import new_mark


async def give_marks(apps: StateApps, editor: BaseSchemaEditor) -> None:
    accounts = apps.get_model("models.Account")
    for account_id in await accounts.all().using_db(editor.client).values_list("id", flat=True):
        await accounts.filter(id=account_id).using_db(editor.client).update(mark=new_mark())


class Migration(migrations.Migration):
    dependencies = [("models", "0005_fewer_search_terms")]
    initial = False

    operations = [
        ops.AddField(model_name="Account", name="mark", field=TextColumn(db_default="", generated=False, null=False, unique=False)),
        # Files from before are of no account that there is, so that their rows find contacts by address.
        ops.RunPython(give_marks),
    ]
