"""Contacts that have come to be in one write, as in a chunk of an import: like any that changed alike, they are judged together."""

from models import RecordType
from resolvers.membership.batch.batch_evaluation import candidates
from resolvers.membership.candidates.cost import is_quicker_together
from resolvers.membership.candidates.index import AccountDefinitions
from resolvers.membership.candidates.postings import NEW
from resolvers.membership.change.change import Change, ContactBatch

MENTIONS = frozenset({NEW[RecordType.CONTACT]})


def batch_created_contacts(change: Change, definitions: AccountDefinitions) -> None:
    """Make a batch of the new contacts to whom nothing else has happened, where that is the quicker way to judge them.

    If that was decided before, it is decided anew: the definitions may have been others.
    """
    created = change.created_for.get(RecordType.CONTACT, set())
    for batch in [batch for batch in change.batches if batch.mentions == MENTIONS]:
        change.batches.remove(batch)
        created.update(batch.contact_ids)
    apart = created - change.touched.keys() - change.candidates.keys() - change.deleted.get(RecordType.CONTACT, set())
    batch = ContactBatch(sorted(apart), MENTIONS)
    group_ids = candidates(batch, definitions) if apart else ()
    if group_ids and is_quicker_together(batch, len(group_ids), definitions):
        created -= apart
        change.add_batch(batch)
