"""The loaders of an operation, each named by value and key. A row is read once, and always as the same instance."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import orjson
from tortoise.functions import Count
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models import AccessToken, Account, AuditEntry, BulkAction, Contact, CustomField, CustomValue, Group, Tag, Tagging, User
from models.bulk import SHOWN
from models.engine.database import Database, Row
from models.event_loop import by_size
from models.orm.tortoise_adapter import from_row
from resolvers.criteria.language.names import Vocabulary, load_vocabulary
from resolvers.criteria.language.parse import UNBOUNDED, parse
from resolvers.criteria.language.record_types import CONTACT, RecordType, RecordTypes
from resolvers.criteria.rendering.sentence import sentence
from resolvers.operation.batching import Collecting, Loader, Read, unexpected
from resolvers.operation.scope import Scope

K = TypeVar("K")
V = TypeVar("V")
M = TypeVar("M", bound=Model)
C = TypeVar("C", Tagging, CustomValue)
BulkDocuments = tuple[Any, Any]  # target and change, with the number of contacts in place of a list of contacts

# For a list of contacts, and for its undo, the total of the original action is their number.
BULK_DOCUMENTS = """
    SELECT action.id, action.change, first.total, CASE WHEN substr(action.target, 1, 12) <> '{"contacts":' THEN action.target END AS target
    FROM bulk_actions AS action JOIN bulk_actions AS first ON first.id = coalesce(action.undoes_id, action.id)
    WHERE action.account_id = :account AND action.id = ANY(:actions)
"""


class Loaders:
    """The loaders of one operation. They see what its caller may see, and live no longer than it."""

    def __init__(self, scope: Scope, database: Database, record_types: RecordTypes) -> None:
        self.collecting = Collecting()
        """What keeps all of them waiting while the operation pauses."""
        self._database = database
        self._record_types = record_types
        self._scope = scope  # query sets are built when needed, because an operation needs few of them
        self.accounts_by_id: Loader[int, Account | None] = self._by_id(lambda: scope.account)
        self.tokens_by_id: Loader[int, AccessToken | None] = self._by_id(lambda: scope.access_tokens)
        self.audit_entries_by_id: Loader[int, AuditEntry | None] = self._by_id(lambda: scope.audit_entries)
        self.users_by_id: Loader[int, User | None] = self._by_id(lambda: scope.users)
        self.contacts_by_id: Loader[int, Contact | None] = self._by_id(lambda: scope.contacts)
        self._owned_by_id = {each: self._by_id(partial(scope.records, each)) for each in record_types.owned}
        self.tags_by_id: Loader[int, Tag | None] = self._by_id(lambda: scope.tags)
        self.groups_by_id: Loader[int, Group | None] = self._by_id(lambda: scope.groups)
        self.bulk_actions_by_id: Loader[int, BulkAction | None] = self._by_id(lambda: scope.bulk_actions.only(*SHOWN))
        self.bulk_documents_by_id: Loader[int, BulkDocuments] = self._loader(self._read_bulk_documents)
        self.undo_by_bulk_action: Loader[int, BulkAction | None] = self._loader(self._read_undo_by_bulk_action, lambda: None)
        self.custom_fields_by_id: Loader[int, CustomField | None] = self._by_id(lambda: scope.custom_fields)
        self.taggings_by_contact: Loader[int, list[Tagging]] = self._by_contact(lambda: scope.taggings.order_by("id"))
        self.custom_values_by_contact: Loader[int, list[CustomValue]] = self._by_contact(lambda: scope.custom_values.order_by("ordinal"))
        self.tags_by_contact: Loader[int, list[Tag]] = self._loader(self._read_tags_by_contact, list)
        self.contact_count_by_tag: Loader[int, int] = self._loader(self._read_contact_count_by_tag, int)
        self.sentence_by_document: Loader[bytes, str] = self._loader(self._read_sentence_by_document)
        """Stored criteria in words. Groups that the caller may not view have no name in them."""
        self.vocabulary_by_document: Loader[bytes, Vocabulary] = self._loader(self._read_vocabulary_by_document)

    def _loader(self, read: Read[K, V], missing: Callable[[], V] = unexpected) -> Loader[K, V]:
        return Loader(read, missing, collecting=self.collecting)

    def _by_id(self, rows: Callable[[], QuerySet[M]]) -> Loader[int, M | None]:
        async def read(ids: Sequence[int]) -> Mapping[int, M | None]:
            return {row.pk: row for row in await rows().filter(id__in=ids)}

        return self._loader(read, lambda: None)

    def _by_contact(self, rows: Callable[[], QuerySet[C]]) -> Loader[int, list[C]]:
        async def read(contact_ids: Sequence[int]) -> Mapping[int, list[C]]:
            grouped: dict[int, list[C]] = defaultdict(list)
            for row in await rows().filter(contact_id__in=contact_ids):
                grouped[row.contact_id].append(row)
            return grouped

        return self._loader(read, list)

    def stop(self) -> None:
        """Cancel what the loaders are reading."""
        for loader in (*vars(self).values(), *self._owned_by_id.values()):
            if isinstance(loader, Loader):
                loader.stop()

    def records_by_id(self, record_type: RecordType) -> Loader[int, Any]:
        """The records of a type, or None, by their ids."""
        return self.contacts_by_id if record_type is CONTACT else self._owned_by_id[record_type]

    def remember_contacts(self, rows: Iterable[Row]) -> dict[int, Contact]:
        """Return the contacts in whole rows of their table by id, and keep them from being read again."""
        found = [from_row(Contact, row) for row in rows]
        return {contact.id: self.contacts_by_id.remember(contact.id, contact) or contact for contact in found}

    def remember_groups(self, groups: Iterable[Group]) -> list[Group]:
        """Return, for each group, the instance that this operation read first, so that it never shows two versions of a row."""
        return [self.groups_by_id.remember(group.id, group) or group for group in groups]

    async def _read_tags_by_contact(self, contact_ids: Sequence[int]) -> dict[int, list[Tag]]:
        taggings = [tagging for found in await self.taggings_by_contact.load_many(contact_ids) for tagging in found]
        tags = await self.tags_by_id.load_many(tagging.tag_id for tagging in taggings)
        grouped: dict[int, list[Tag]] = defaultdict(list)
        for tagging, tag in sorted(zip(taggings, tags, strict=True), key=lambda pair: pair[1].name_folded if pair[1] else ""):
            if tag:
                grouped[tagging.contact_id].append(tag)
        return grouped

    async def _read_contact_count_by_tag(self, tag_ids: Sequence[int]) -> dict[int, int]:
        counted = self._scope.taggings.filter(tag_id__in=tag_ids).annotate(count=Count("id")).group_by("tag_id")
        return {row["tag_id"]: row["count"] for row in await counted.values("tag_id", "count")}

    async def _read_undo_by_bulk_action(self, action_ids: Sequence[int]) -> dict[int, BulkAction]:
        undos = await self._scope.bulk_actions.only(*SHOWN).filter(undoes_id__in=action_ids).order_by("id")
        return {undo.undoes_id: undo for undo in undos if undo.undoes_id is not None}  # the last of several

    async def _read_bulk_documents(self, action_ids: Sequence[int]) -> dict[int, BulkDocuments]:
        rows = await self._database.rows(BULK_DOCUMENTS, account=self._scope.account_id, actions=list(action_ids))
        return {row["id"]: (_target(row), orjson.loads(row["change"])) for row in rows}

    async def _read_vocabulary_by_document(self, documents: Sequence[bytes]) -> dict[bytes, Vocabulary]:
        criteria = [orjson.loads(document) for document in documents]
        names = await load_vocabulary(self._database, self._record_types, self._scope.account_id, criteria)
        return dict.fromkeys(documents, names.naming(await viewable(self._scope, names.groups)))

    async def _read_sentence_by_document(self, documents: Sequence[bytes]) -> dict[bytes, str]:
        vocabularies = await self.vocabulary_by_document.load_many(documents)
        return {
            document: await by_size(len(document), partial(_sentence, document, vocabulary))
            for document, vocabulary in zip(documents, vocabularies, strict=True)
        }


def _sentence(document: bytes, vocabulary: Vocabulary) -> str:
    return sentence(parse(orjson.loads(document), vocabulary, UNBOUNDED, stored=True), vocabulary)


async def viewable(scope: Scope, group_ids: Collection[int]) -> set[int]:
    """Return those of these groups that the caller may view."""
    if not group_ids:
        return set()
    return {row["id"] for row in await scope.groups.filter(id__in=list(group_ids)).values("id")}


def _target(row: Row) -> Any:
    return {"contacts": row["total"]} if row["target"] is None else orjson.loads(row["target"])
