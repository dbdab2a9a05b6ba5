"""Why one record matches criteria or not: it is read, judged as every write judges it, and shown in the words of the API."""

from dataclasses import replace
from typing import Any

from models import Appointment, Contact, RecordType
from models.errors import BadInput
from models.ids import from_global_id
from models.records import APPOINTMENT_TEXTS, CONTACT_TEXTS
from models.text import fold, fold_or_none
from resolvers.context import Context
from resolvers.criteria.explain import Explanation, ExplanationNode, Json
from resolvers.criteria.explain import explain as explain_tree
from resolvers.criteria.facts import ContactFacts, Facts, StoredValue
from resolvers.criteria.mentions import groups_mentioned
from resolvers.criteria.names import GroupName, Vocabulary
from resolvers.criteria.predicate import Needs, needs
from resolvers.criteria.tree import Tree
from resolvers.identify import id_of, unknown
from resolvers.membership.facts import read_facts
from resolvers.where import Document, Read, now, read_argument, read_stored

LISTS_OF_NAMES = ("tags", "group")  # the last step of the path of a condition on them


class Written(str):
    """A folded text, which criteria compare, that knows how it was given."""

    __slots__ = ("given",)

    given: str

    @classmethod
    def of(cls, value: StoredValue, given: str | None) -> StoredValue:
        """The value with how it was given; the value alone where what was given is missing, or has changed since it was read."""
        if given is None or value is None or fold_or_none(given) != value:
            return value
        found = cls(value)
        found.given = given
        return found


async def explain(context: Context, *, record_id: str, criteria: Document | None, group_id: str | None) -> Explanation:
    """Whether the record matches the criteria, or those of the group, at the present logical time, and why."""
    read = await _criteria(context, criteria, group_id)
    facts = await _facts(context, record_id, read.tree)
    contact = facts if isinstance(facts, ContactFacts) else facts.contact
    await _note_texts(context, contact)
    vocabulary = await _with_names_of(context, contact, read)
    found = explain_tree(read.tree, facts, now=await now(context, vocabulary), vocabulary=vocabulary)
    return Explanation(found.matches, _in_words_of_the_api(found.root))


async def _criteria(context: Context, criteria: Document | None, group_id: str | None) -> Read:
    if criteria is not None and group_id is None:
        return await read_argument(context, "criteria", criteria)
    if criteria is None and group_id is not None:
        group = await context.loaders.groups_by_id.load(id_of(group_id, "Group", "group"))
        if group is None:
            raise unknown("group")
        return await read_stored(context, group.criteria)
    raise BadInput("Give exactly one of `criteria` and `groupId`: what the record is to be compared with.")


async def _facts(context: Context, record_id: str, tree: Tree) -> Facts:
    kind, number = from_global_id(record_id)
    expected = tree.record_type.title()
    if kind != expected:
        raise BadInput(f"`recordId` is not the id of a record of type {tree.record_type}, which these criteria are about. Give such an id.")
    if tree.record_type is RecordType.CONTACT:
        return await _contact(context, number, needs(tree))
    appointment = await context.loaders.appointments_by_id.load(number)
    if appointment is None:
        raise unknown("appointment")
    contact = await _contact(context, appointment.contact_id, needs(tree) | Needs(appointments=True))
    return next(found for found in contact.appointments if found.id == number)


async def _contact(context: Context, contact_id: int, needed: Needs) -> ContactFacts:
    found = await read_facts(context.services.database, context.caller.account_id, [contact_id], needed)
    if contact_id not in found:
        raise unknown("contact")
    return found[contact_id]


async def _note_texts(context: Context, facts: ContactFacts) -> None:
    """Let every text of the contact and its appointments know how it was given."""
    contact = await context.loaders.contacts_by_id.load(facts.id)
    facts.values = _written(facts.values, contact, CONTACT_TEXTS)
    if facts.appointments:
        rows = {row.id: row for row in await context.scope.appointments.filter(contact_id=facts.id)}
        for appointment in facts.appointments:
            appointment.values = _written(appointment.values, rows.get(appointment.id), APPOINTMENT_TEXTS)
    if facts.custom:
        given = {(row.field_id, fold_or_none(row.text)): row.text for row in await context.loaders.custom_values_by_contact.load(facts.id)}
