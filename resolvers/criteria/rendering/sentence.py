"""Criteria as an English sentence, with the present names of tags, groups, users and fields."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, assert_never
from zoneinfo import ZoneInfo

from resolvers.criteria.language.fields import Family
from resolvers.criteria.language.names import Vocabulary
from resolvers.criteria.language.operands import Span
from resolvers.criteria.language.operators import Quantifier
from resolvers.criteria.language.tree import (
    AllOf,
    AnyOf,
    Column,
    Condition,
    Custom,
    Groups,
    Node,
    Not,
    OfContact,
    Related,
    TaggedAt,
    Tags,
    Tree,
)
from resolvers.criteria.rendering.words import Direction, counted, direction, in_words, listing, on, with_article
from resolvers.criteria.semantics.time import StartOf

VERBS: Mapping[str, tuple[str, str]] = {
    "is": ("is", "is not"),
    "contains": ("contains", "does not contain"),
    "starts": ("starts", "does not start"),
    "ends": ("ends", "does not end"),
    "exists": ("is not empty", "is empty"),
}
PLURALS: Mapping[str, str] = {
    "is": "are",
    "was": "were",
    "does": "do",
    "contains": "contain",
    "starts": "start",
    "ends": "end",
}
# The words of operators for "3 days ago" and "3 days from now", where their usual words read badly.
OF_DISTANCES: Mapping[tuple[str, Direction | None], str] = {
    ("before", Direction.PAST): "is more than {}",
    ("onOrBefore", Direction.PAST): "is at least {}",
    ("after", Direction.PAST): "is later than {}",
    ("before", Direction.FUTURE): "is earlier than {}",
    ("after", Direction.FUTURE): "is more than {}",
    ("onOrAfter", Direction.FUTURE): "is at least {}",
}
OF_WHOLE_DAYS = ("before", "onOrAfter")  # with these, the start of a day means the same as the day


class Voice(NamedTuple):
    """The words with which a clause refers to its record. At the top of a sentence there are none."""

    owner: str = ""
    subject: str = ""
    plural: bool = False


TOP = Voice()
IT = Voice("its ", "it ")
THEY = Voice("their ", "they ", plural=True)
THE_CONTACT = Voice("the contact's ", "the contact ")


def sentence(tree: Tree, vocabulary: Vocabulary) -> str:
    """The whole tree in words. It is not stored, so that a renamed tag has its new name."""
    return capitalised(clause(tree.root, vocabulary))


def capitalised(words: str) -> str:
    """The clause with a capital as its first letter, after any parentheses."""
    start = len(words) - len(words.lstrip("("))
    return words[:start] + words[start : start + 1].upper() + words[start + 1 :]


def clause(node: Node, vocabulary: Vocabulary, *, voice: Voice = TOP, negated: bool = False) -> str:
    """One node in words, or its opposite."""
    match node:
        case AllOf() | AnyOf():
            words = _joined(node, vocabulary, voice=voice)
            return f"it is not true that ({words})" if negated else words
        case Not():
            return clause(node.child, vocabulary, voice=voice, negated=not negated)
        case OfContact():
            return clause(node.child, vocabulary, voice=THE_CONTACT, negated=negated)
        case Related():
            return voice.subject + _related(node, vocabulary, negated=negated != node.negated)
        case Condition():
            return _condition(node, vocabulary, voice=voice, negated=negated != node.negated)
        case _:
            assert_never(node)


def _joined(node: AllOf | AnyOf, vocabulary: Vocabulary, *, voice: Voice) -> str:
    clauses = [_enclosed(child, vocabulary, voice=voice) for child in node.children]
    word = "and" if isinstance(node, AllOf) else "or"
    return clauses[0] if len(clauses) == 1 else f"{', '.join(clauses[:-1])}, {word} {clauses[-1]}"


def _enclosed(node: Node, vocabulary: Vocabulary, *, voice: Voice) -> str:
    words = clause(node, vocabulary, voice=voice)
    return f"({words})" if _has_parts(node) else words


def _has_parts(node: Node, *, negated: bool = False) -> bool:
    """Whether the words of a node are joined by "and" or "or", so that they need parentheses in a list."""
    match node:
        case AllOf() | AnyOf():
            return not negated and (len(node.children) > 1 or _has_parts(node.children[0]))
        case Not():
            return _has_parts(node.child, negated=not negated)
        case OfContact():
            return _has_parts(node.child, negated=negated)
        case _:
            return False


def _related(node: Related, vocabulary: Vocabulary, *, negated: bool) -> str:
    noun = node.record_type.noun
    if node.least == 1:
        words = f"has no {noun}" if negated else f"has {with_article(noun)}"
    else:
        words = f"has {'fewer than' if negated else 'at least'} {counted(node.least, noun)}"
    voice = IT if node.least == 1 else THEY
    return f"{words} where {_enclosed(node.where, vocabulary, voice=voice)}" if node.where else words


def _condition(condition: Condition, vocabulary: Vocabulary, *, voice: Voice, negated: bool) -> str:
    verb, _, rest = _said(condition, vocabulary).partition(" ")
    subject, verbs = _subject(condition, vocabulary, verb=verb)
    if subject:
        return f"{voice.owner}{subject} {verbs[negated]} {rest}".rstrip()
    return f"{voice.subject}{_plural(verbs[negated]) if voice.plural else verbs[negated]} {rest}".rstrip()


def _plural(words: str) -> str:
    verb, space, rest = words.partition(" ")
    return PLURALS[verb] + space + rest


def _subject(condition: Condition, vocabulary: Vocabulary, *, verb: str) -> tuple[str, tuple[str, str]]:
    """The subject of a clause, and its verb with its opposite. The subject is empty if the verb is about the record itself."""
    match condition.source:
        case Column(field=field):
            if field.verb:
                positive, negative = field.verb
                when = "" if verb == "is" else " at a known time"
                return "", (positive + when, negative + when)
            return field.label[:1].lower() + field.label[1:], VERBS[verb]
        case Custom():
            known = vocabulary.fields.get(condition.source.key) if condition.source.field_id else None
            return known.label if known else f"deleted field {condition.source.key}", VERBS[verb]
        case TaggedAt():
            name = vocabulary.tags.get(condition.source.tag_id, "with a deleted tag")
            return "", (f"was tagged {name}", f"was not tagged {name}")
        case Tags():
            return "tags", (_plural(VERBS[verb][0]), _plural(VERBS[verb][1]))
        case Groups():
            return "", VERBS[verb]
        case _:
            assert_never(condition.source)


def _said(condition: Condition, vocabulary: Vocabulary) -> str:
    """The words of the operator with its operands. The verb is not inflected yet."""
    says, operand, zone = condition.operator.says, condition.operand, vocabulary.zone
    say, pattern = (on, says.replace("{on}", "{}")) if "{on}" in says else (in_words, says)
    if isinstance(operand, Span):
        return pattern.format(say(operand.low, zone), say(operand.high, zone))
    if isinstance(operand, tuple):
        conjunction = "or" if condition.operator.quantifier is Quantifier.SOME else "and"
        return pattern.format(listing(_names(condition, vocabulary, say=say), conjunction))
    if isinstance(operand, StartOf) and condition.operator.name in OF_WHOLE_DAYS:
        operand = operand.day
    return OF_DISTANCES.get((condition.operator.name, direction(operand)), pattern).format(say(operand, zone))


def _names(condition: Condition, vocabulary: Vocabulary, *, say: Callable[[Any, ZoneInfo], str]) -> list[str]:
    """The values of a list by their names. Those that were deleted are only counted."""
    values = dict.fromkeys(condition.operand)
    match condition.source:
        case Tags():
            return _known(values, vocabulary.tags, noun="tag")
        case Groups():
            return _group_names(values, vocabulary)
        case Column(field=field) if field.family is Family.REFERENCE:
            return _known(values, vocabulary.users, noun="user")
        case Column(field=field) if field.family is Family.STATUS:
            return [value.lower().replace("_", "-") for value in values]
        case _:
            return [say(value, vocabulary.zone) for value in values]


def _known(ids: Iterable[int], names: Mapping[int, str], *, noun: str) -> list[str]:
    known = [names[number] for number in ids if number in names]
    gone = sum(number not in names for number in ids)
    return [*known, *_deleted(gone, noun)]


def _deleted(count: int, noun: str) -> list[str]:
    return [f"a deleted {noun}" if count == 1 else counted(count, f"deleted {noun}")] if count else []


def _group_names(ids: Iterable[int], vocabulary: Vocabulary) -> list[str]:
    """The names of groups after the word "group", and then words for groups without a visible name."""
    groups = [vocabulary.groups.get(number) for number in ids]
    names = [group.name for group in groups if group and not group.hidden]
    hidden = dict.fromkeys(group.name for group in groups if group and group.hidden)
    if names:
        names[0] = f"group {names[0]}"
    return [*names, *hidden, *_deleted(groups.count(None), "group")]
