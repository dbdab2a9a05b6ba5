from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0004_access")]
    initial = False

    operations = [
        # Terms with which another one of the same contact begins: whoever looks for them finds the other.
        ops.RunSQL("""
            DELETE FROM search_terms WHERE id IN (
                SELECT beginning.id FROM search_terms AS beginning JOIN search_terms AS whole
                ON whole.contact_id = beginning.contact_id AND whole.term > beginning.term
                AND substr(whole.term, 1, length(beginning.term)) = beginning.term
            )
        """),
    ]
