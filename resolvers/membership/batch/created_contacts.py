"""Contacts that have come to be in one write, as in a chunk of an import: like any that changed alike, they are judged together."""

from models import RecordType
from resolvers.membership.batch.batch_evaluation import candidates
from resolvers.membership.candidates.cost import is_quicker_together
from resolvers.membership.candidates.index import AccountDefinitions
from resolvers.membership.candidates.postings import NEW
from resolvers.membership.change.change import Change, Sweep

MENTIONS = frozenset({NEW[RecordType.CONTACT]})


def sweep_newcomers(change: Change, definitions: AccountDefinitions) -> None:
    """Make a sweep of the new contacts to whom nothing else has happened, where that is the quicker way to judge them.

    If that was decided before, it is decided anew: the definitions may have been others.
    """
    created = change.created_for.get(RecordType.CONTACT, set())
    for sweep in [sweep for sweep in change.sweeps if sweep.mentions == MENTIONS]:
        change.sweeps.remove(sweep)
        created.update(sweep.contact_ids)
    apart = created - change.touched.keys() - change.suspects.keys() - change.deleted.get(RecordType.CONTACT, set())
    sweep = Sweep(sorted(apart), MENTIONS)
    group_ids = candidates(sweep, definitions) if apart else ()
    if group_ids and is_quicker_together(sweep, len(group_ids), definitions):
        created -= apart
        change.sweep(sweep)
