"""Explains why a record matches criteria or not, with values as they were given and names as the caller may see them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from tortoise.models import Model

from models.errors import BadInput
from models.event_loop import by_size
from models.ids import from_global_id
from models.text import fold, fold_or_none
from resolvers.criteria.evaluation.explain import Explanation, ExplanationNode, Json
from resolvers.criteria.evaluation.explain import explain as explain_tree
from resolvers.criteria.evaluation.facts import ContactFacts, Facts, OwnedFacts, StoredValue
from resolvers.criteria.evaluation.needs import Needs, needs
from resolvers.criteria.language.mentions import groups_mentioned
from resolvers.criteria.language.names import GroupName, Vocabulary, size_of
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.language.tree import Tree
from resolvers.membership.evaluation.facts_reader import read_facts
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, unknown
from resolvers.reading.criteria_input import Criteria, Document, now, read_argument, read_stored

V = TypeVar("V", bound=StoredValue)

LISTS_OF_NAMES = ("tags", "group")  # the last keys in the paths of conditions on sets of names


class Written(str):
    """A folded text, which is what criteria compare, with the text as it was given."""

    __slots__ = ("given",)

    given: str


async def explain(context: Context, *, record_id: str, criteria: Document | None, group_id: str | None) -> Explanation:
    """Explain whether the record matches these criteria, or those of the group, at the present logical time."""
    read = await _criteria(context, criteria, group_id)
    facts = await _facts(context, record_id, read.tree)
    contact = facts if isinstance(facts, ContactFacts) else facts.contact
    await _note_texts(context, contact)
    vocabulary = await _naming(context, contact, read)
    moment = await now(context, Criteria(read.tree, vocabulary))

    def work() -> Explanation:
        found = explain_tree(read.tree, facts, now=moment, vocabulary=vocabulary)
        return Explanation(found.matches, _as_read(found.root))

    return await by_size(size_of(read.tree.document), work)


async def _criteria(context: Context, criteria: Document | None, group_id: str | None) -> Criteria:
    if criteria is not None and group_id is None:
        return await read_argument(context, "criteria", criteria)
    if criteria is None and group_id is not None:
        group = await context.loaders.groups_by_id.load(id_of(group_id, "Group", "group"))
        if group is None:
            raise unknown("group")
        return await read_stored(context, group.criteria)
    raise BadInput("Give exactly one of `criteria` and `groupId`: what the record is to be compared with.")


# ---------------------------------------------------------------- the record


async def _facts(context: Context, record_id: str, tree: Tree) -> Facts:
    kind, number = from_global_id(record_id)
    record_type = tree.record_type
    if kind != record_type.type_name:
        raise BadInput(f"`recordId` must be the id of a record of type {record_type.name}, because these criteria are about such records.")
    if record_type is CONTACT:
        return await _contact_facts(context, number, needs(tree))
    return await _owned_facts(context, record_type, number, needs(tree) | Needs(owned=frozenset([record_type])))


async def _owned_facts(context: Context, record_type: RecordType, number: int, needed: Needs) -> OwnedFacts:
    row = await context.loaders.records_by_id(record_type).load(number)
    contact = await _contact_facts(context, row.contact_id, needed) if row else None
    found = next((found for found in contact.owned[record_type] if found.id == number), None) if contact else None
    if found is None:
        raise unknown(record_type.noun)
    return found


async def _contact_facts(context: Context, contact_id: int, needed: Needs) -> ContactFacts:
    found = await read_facts(context.services.database, context.caller.account_id, [contact_id], needed)
    if contact_id not in found:
        raise unknown("contact")
    return found[contact_id]


async def _note_texts(context: Context, facts: ContactFacts) -> None:
    """Replace the texts of the contact and of what it owns by texts that carry their given form."""
    facts.values = _written(facts.values, await context.loaders.contacts_by_id.load(facts.id), CONTACT.texts)
    for record_type, owned in facts.owned.items():
        rows = {row.id: row for row in await context.scope.records(record_type).filter(contact_id=facts.id)}
        for record in owned:
            record.values = _written(record.values, rows.get(record.id), record_type.texts)
    if facts.custom:
        cells = await context.loaders.custom_values_by_contact.load(facts.id)
        texts: Mapping[tuple[int, object], str] = {(cell.field_id, fold_or_none(cell.text)): cell.text for cell in cells}
        facts.custom = {
            field_id: tuple(_with(value, texts.get((field_id, value))) for value in values) for field_id, values in facts.custom.items()
        }


def _written(values: Mapping[str, StoredValue], row: Model | None, names: Sequence[str]) -> Mapping[str, StoredValue]:
    return {**values, **{f"{name}_folded": _with(values[f"{name}_folded"], getattr(row, name, None)) for name in names}}


def _with(value: V, given: str | None) -> V | Written:
    # A text that was written between the two reads is not the one that is evaluated.
    if not isinstance(value, str) or fold_or_none(given) != value:
        return value
    found = Written(value)
    found.given = given or ""
    return found


# ---------------------------------------------------------------- the words


async def _naming(context: Context, contact: ContactFacts, read: Criteria) -> Vocabulary:
    """The vocabulary of the criteria, with the names of the contact's tags, groups and owner.

    Groups of the contact that the caller may not view are left out, unless the criteria mention them.
    """
    loaders, vocabulary, types = context.loaders, read.vocabulary, context.services.record_types
    tags = [tag for tag in await loaders.tags_by_id.load_many(contact.tags) if tag]
    groups = [group for group in await loaders.groups_by_id.load_many(contact.groups) if group]
    contact.groups &= {group.id for group in groups} | groups_mentioned(read.tree)
    owner_id = contact.values["owner_id"]
    owner = await loaders.users_by_id.load(owner_id) if isinstance(owner_id, int) else None
    return replace(
        vocabulary,
        tags={**vocabulary.tags, **{tag.id: tag.name for tag in tags}},
        groups={**vocabulary.groups, **{group.id: GroupName(group.name, types.named(group.record_type)) for group in groups}},
        users={**vocabulary.users, **({owner.id: owner.name} if owner else {})},
    )


def _as_read(node: ExplanationNode) -> ExplanationNode:
    actual: Json = [_given(value) for value in node.actual] if isinstance(node.actual, list) else _given(node.actual)
    if isinstance(actual, list) and node.path[-1] in LISTS_OF_NAMES:
        actual.sort(key=fold)
    return replace(node, actual=actual, children=tuple(map(_as_read, node.children)))


def _given(value: Json) -> Json:
    return value.given if isinstance(value, Written) else value
