"""Searching by typed text: contacts by the beginnings of words, tags and groups by any part of their names."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar

from tortoise.expressions import Q, Subquery
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models import Contact, SearchTerm
from models.errors import BadInput
from models.text import fold, prefix_end, storable
from resolvers.operation.context import Context
from resolvers.operation.scope import Scope
from resolvers.values.phones import digits_of

M = TypeVar("M", bound=Model)

MOST_WORDS = 10
LONGEST_PART = 1_000  # characters of a part of a name: SQLite takes no longer pattern than 50,000 bytes
MOST_REMEMBERED = 4_096  # names whose words are cached, because most names repeat
NAMES = ("first_name_folded", "last_name_folded", "company_folded")
SEARCHED = (*NAMES, "email_folded", "phone", "phone_e164")

_PART = re.compile(r"[^\W_]+")  # the parts of a word between punctuation
_TELEPHONE = re.compile(r"[\d+()./-]+", re.ASCII)
_NO_DIGIT = re.compile(r"\D+", re.ASCII)


def terms_of(contact: Mapping[str, Any]) -> set[str]:
    """Return the search terms of a contact with these stored values.

    A term with which another one begins is left out, because a search for it finds the other.
    """
    terms = digits_of(contact["phone"], contact["phone_e164"])
    for name in NAMES:
        if named := contact[name]:
            terms |= _words_in(named)
    if contact["email_folded"]:
        local, _, domain = contact["email_folded"].rpartition("@")
        terms.update((contact["email_folded"], domain), _PART.findall(local), domain.split("."))
    terms.discard("")
    # In sorted order, a term stands right before the first one that begins with it.
    ordered = sorted(terms)
    return terms.difference(term for term, following in pairwise(ordered) if following.startswith(term))


@lru_cache(maxsize=MOST_REMEMBERED)
def _words_in(name: str) -> frozenset[str]:
    """Return the words of a name, and the parts of words with punctuation."""
    return frozenset(part for word in name.split() for part in (word, *_PART.findall(word)))


def search_contacts(context: Context, search: str | None) -> QuerySet[Contact]:
    """Return the contacts that every word of the search finds, or all if there is no word."""
    found = context.scope.contacts
    for word in _words(search or ""):
        found = found.filter(id__in=Subquery(_terms(context.scope, word).values("contact_id")))
    return found


def search_names(named: QuerySet[M], search: str | None) -> QuerySet[M]:
    """Return the rows whose name contains the search in any case, or all rows if it is blank."""
    part = _folded(search or "")
    if len(part) > LONGEST_PART:
        raise BadInput(f"`search` has {len(part):,} characters. Send at most {LONGEST_PART:,}.")
    return named.filter(name_folded__contains=part) if part else named


def _folded(search: str) -> str:
    if not storable(search):
        raise BadInput("`search` holds a character that no text may hold. Remove it.")
    return fold(search)


def _words(search: str) -> list[str]:
    words = [word for word in _folded(search).split() if not _TELEPHONE.fullmatch(word) or _NO_DIGIT.sub("", word)]
    if len(words) > MOST_WORDS:
        raise BadInput(f"`search` has {len(words)} words. Send at most {MOST_WORDS}.")
    return words


def _terms(scope: Scope, word: str) -> QuerySet[SearchTerm]:
    beginnings = {word, _NO_DIGIT.sub("", word)} if _TELEPHONE.fullmatch(word) else {word}
    return scope.search_terms.filter(Q(*(_begins_with(beginning) for beginning in sorted(beginnings)), join_type=Q.OR))


def _begins_with(beginning: str) -> Q:
    end = prefix_end(beginning)
    return Q(term__gte=beginning, term__lt=end) if end is not None else Q(term__gte=beginning)
