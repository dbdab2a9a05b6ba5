from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]
    initial = False

    operations = [
        ops.RenameField(model_name="GroupMember", old_name="group_id", new_name="set_id"),
        # Both engines rename the column in their indexes and constraints by themselves.
        ops.AlterModelOptions(
            name="GroupMember",
            options={
                "table": "group_members",
                "app": "models",
                "unique_together": (("set_id", "record_id"),),
                "indexes": [Index(fields=["record_id", "set_id"]), Index(fields=["set_id", "joined_at", "record_id"])],
                "pk_attr": "id",
                "table_description": "That a record, of the group's record type, is in the set of a group's members, and since when.",
            },
        ),
        ops.AddField(model_name="Group", name="members_id", field=fields.BigIntField(db_default=0)),
        ops.AddField(model_name="Group", name="replaces_id", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Group", name="scanned_to", field=fields.BigIntField(db_default=0)),
        ops.AddIndex(model_name="Group", index=Index(fields=["replaces_id"])),
        ops.CreateModel(
            name="RetiredSet",
            fields=[("id", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True))],
            options={
                "table": "retired_sets",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A set of members that no group has any more, to be deleted little by little. The id is the set's.",
            },
            bases=["Model"],
        ),
        # Until now a group's members stood under the group's own number.
        ops.RunSQL("UPDATE groups SET members_id = id"),
    ]
