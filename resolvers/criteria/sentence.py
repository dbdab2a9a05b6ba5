"""Criteria as one English sentence, with the names that tags, groups, users and fields have now."""

from collections.abc import Mapping
from typing import NamedTuple, assert_never

from resolvers.criteria.fields import Family
from resolvers.criteria.names import Vocabulary
from resolvers.criteria.operands import Span
from resolvers.criteria.operators import Quantifier
from resolvers.criteria.tree import (
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
    Source,
    TaggedAt,
    Tags,
    Tree,
)
from resolvers.criteria.words import counted, in_words, listing

VERBS: Mapping[str, tuple[str, str]] = {
    "is": ("is", "is not"),
    "contains": ("contains", "does not contain"),
    "starts": ("starts", "does not start"),
    "ends": ("ends", "does not end"),
    "exists": ("is not empty", "is empty"),
}
PLURAL_VERBS: Mapping[str, tuple[str, str]] = {
    "contains": ("contain", "do not contain"),
    "exists": ("are not empty", "are empty"),
}


class Voice(NamedTuple):
    """How a clause refers to its record: not at all at the top, else as the sentence around it needs."""

    owner: str = ""
    subject: str = ""


TOP = Voice()
IT = Voice("its ", "it ")
THE_CONTACT = Voice("the contact's ", "the contact ")


def sentence(tree: Tree, vocabulary: Vocabulary) -> str:
    """The whole tree in words: worked out anew each time, so that a renamed tag is called by its new name."""
    return capitalised(clause(tree.root, vocabulary))


def capitalised(words: str) -> str:
    """A clause as a sentence begins: with a capital, behind any parentheses."""
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
    """Whether the words of a node are joined by "and" or "or", and need parentheses among others."""
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
    if node.least == 1:
        words = "has no appointment" if negated else "has an appointment"
    else:
        words = f"has {'fewer than' if negated else 'at least'} {counted(node.least, 'appointment')}"
    return f"{words} where {_enclosed(node.where, vocabulary, voice=IT)}" if node.where else words


def _condition(condition: Condition, vocabulary: Vocabulary, *, voice: Voice, negated: bool) -> str:
    verb, _, pattern = condition.operator.says.partition(" ")
    subject, verbs = _subject(condition, vocabulary, verb=verb)
    words = _operands(condition, vocabulary)
    opener = voice.subject if subject == "" else voice.owner
    return " ".join(filter(None, [f"{opener}{subject}".rstrip(), verbs[negated], pattern.format(*words)]))


def _subject(condition: Condition, vocabulary: Vocabulary, *, verb: str) -> tuple[str, tuple[str, str]]:
    """What the clause is about, and its verb with its opposite; no subject where the verb is about the record itself."""
    match condition.source:
        case Column(field=field):
            if field.verb and verb == "is":
                return "", field.verb
            return field.label[:1].lower() + field.label[1:], VERBS[verb]
        case Custom():
            known = vocabulary.fields.get(condition.source.key) if condition.source.field_id else None
            return known.label if known else f"deleted field {condition.source.key}", VERBS[verb]
        case TaggedAt():
            name = vocabulary.tags.get(condition.source.tag_id, "a deleted tag")
            return "", (f"was tagged {name}", f"was not tagged {name}")
        case Tags():
            return "tags", PLURAL_VERBS[verb]
        case Groups():
            return "", VERBS[verb]
        case _:
            assert_never(condition.source)


def _operands(condition: Condition, vocabulary: Vocabulary) -> list[str]:
    operand = condition.operand
    if isinstance(operand, Span):
        return [in_words(operand.low, vocabulary.zone), in_words(operand.high, vocabulary.zone)]
    if isinstance(operand, tuple):
        conjunction = "or" if condition.operator.quantifier is Quantifier.SOME else "and"
        return [listing([_named(value, condition.source, vocabulary=vocabulary) for value in operand], conjunction)]
    return [in_words(operand, vocabulary.zone)]


def _named(value: object, source: Source, *, vocabulary: Vocabulary) -> str:
    match source, value:
        case Tags(), int():
            return vocabulary.tags.get(value, "a deleted tag")
        case Groups(), int():
            return vocabulary.groups[value].name if value in vocabulary.groups else "a deleted group"
        case Column(field=field), int() if field.family is Family.REFERENCE:
            return vocabulary.users.get(value, "a deleted user")
        case Column(field=field), str() if field.family is Family.STATUS:
            return value.lower().replace("_", " ")
        case _:
            return in_words(value, vocabulary.zone)
