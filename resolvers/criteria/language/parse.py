"""Parses a document of criteria to a tree, or refuses it with all of its problems."""

import sys
from functools import partial
from typing import Any

from models.errors import Problem, ProblemCode, Refused
from models.ids import to_global_id
from models.text import fold
from resolvers.criteria.language.bounds import check_bounds
from resolvers.criteria.language.fields import CUSTOM_FAMILIES, CUSTOM_KINDS, CustomKind, Family
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.names import FieldName, Vocabulary
from resolvers.criteria.language.operands import at_least_one
from resolvers.criteria.language.operators import IS_EMPTY, OPERATORS, Operator
from resolvers.criteria.language.place import Place, both, each, elements, listed, members, one_key, quoted
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.language.references import tag
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
    Source,
    TaggedAt,
    Tags,
    Tree,
    is_negative,
)

UNBOUNDED = CriteriaLimits(*[sys.maxsize] * 5)  # stored criteria stay valid when an operator of the server lowers the limits


def parse(document: Any, vocabulary: Vocabulary, limits: CriteriaLimits, *, stored: bool = False) -> Tree:
    """Parse a document in the form of `CriteriaInput`. Raises `Refused` with every problem.

    A `stored` document was accepted before. If it names something that was deleted since, it is not refused, and no contact
    has the deleted thing.
    """
    roots = vocabulary.record_types.by_key
    place = Place(vocabulary, UNBOUNDED if stored else limits, CONTACT, stored)
    if not stored:
        check_bounds(document, limits, vocabulary.record_types)
    key, held = one_key(document, place, allowed=roots)
    record_type = roots[key]
    root = _node(held, place.at(key).about(record_type))
    return Tree(vocabulary.account_id, record_type, root, {key: _canonical(held, vocabulary)})


def _canonical(value: Any, vocabulary: Vocabulary) -> Any:
    """A valid document in which every tag is named by its id, so that it stays valid when a tag is renamed."""
    match value:
        case {"name": str(name)}:
            return {"id": to_global_id("Tag", vocabulary.tags_by_name[fold(name)])}
        case dict():
            return {key: _canonical(held, vocabulary) for key, held in value.items()}
        case list():
            return [_canonical(held, vocabulary) for held in value]
        case _:
            return value


def _node(value: Any, place: Place) -> Node:
    record_types = place.vocabulary.record_types
    key, held = one_key(value, place, allowed=record_types.conditions[place.record_type])
    at = place.at(key)
    match key:
        case "all":
            return AllOf(each(elements(held, at), at, read=_node), at.path)
        case "any":
            return _any(held, at)
        case "not":
            return Not(_node(held, at), at.path)
        case "contact":
            return OfContact(_node(held, at.about(CONTACT)), at.path)
        case "taggedAt":
            return _tagged_at(held, at)
        case "custom":
            return _custom(held, at)
        case "tags":
            return _condition(held, at, source=Tags(), family=Family.TAGS)
        case "group":
            return _condition(held, at, source=Groups(), family=Family.GROUPS)
        case _ if key in place.record_type.fields:
            field = place.record_type.fields[key]
            return _condition(held, at, source=Column(place.record_type, field), family=field.family)
        case _:
            return _related(held, at, owned=record_types.owned_by_key[key])


def _any(value: Any, place: Place) -> AnyOf:
    children = each(elements(value, place), place, read=_node)
    refused = [] if place.stored else [child for child in children if is_negative(child)]
    if refused:
        message = (
            "A negative condition must not stand directly in `any`, where it lets nearly everybody in."
            " Put it under `all`; or, if that is what you mean, wrap the positive condition in `not`."
        )
        raise Refused([Problem(ProblemCode.NEGATIVE_UNDER_ANY, message, child.path) for child in refused])
    return AnyOf(children, place.path)


def _condition(value: Any, place: Place, *, source: Source, family: Family) -> Condition:
    operator, operand = _operation(value, place, family=family)
    return Condition(source, operator, operand, place.path)


def _operation(value: Any, place: Place, *, family: Family) -> tuple[Operator, Any]:
    rows = OPERATORS[family]
    name, operand = one_key(value, place, allowed=rows)
    return rows[name], rows[name].read(operand, place.at(name))


def _related(value: Any, place: Place, *, owned: RecordType) -> Related:
    key, held = one_key(value, place, allowed=("some", "none", "atLeast"))
    at = place.at(key).about(owned)
    if key != "atLeast":
        return Related(owned, _node(held, at), 1, negated=key == "none", path=place.path)
    found = members(held, at, required=("count",), optional=("where",))
    count = partial(at_least_one, found["count"], at.at("count"))
    least, where = both(count, lambda: _node(found["where"], at.at("where")) if "where" in found else None)
    return Related(owned, where, least, negated=False, path=place.path)


def _tagged_at(value: Any, place: Place) -> Condition:
    found = members(value, place, required=("tag", "when"))
    at, tagged = place.at("when"), partial(tag, found["tag"], place.at("tag"))
    tag_id, (operator, operand) = both(tagged, partial(_operation, found["when"], at, family=Family.DATE_TIME))
    return Condition(TaggedAt(tag_id), operator, operand, place.path)


def _custom(value: Any, place: Place) -> Condition:
    found = members(value, place, required=("key",), optional=CUSTOM_FAMILIES)
    families = [name for name in CUSTOM_FAMILIES if name in found]
    if len(families) != 1:
        raise place.invalid(f"Give `key` and exactly one of {listed(CUSTOM_FAMILIES)}.")
    (name,) = families
    field = _field(found["key"], place, family=CUSTOM_FAMILIES[name])
    kind = CUSTOM_KINDS[field.type] if field else _kind_of(CUSTOM_FAMILIES[name])
    source = Custom(field.id if field else 0, kind.column, found["key"])
    operator, operand = _operation(found[name], place.at(name), family=kind.family)
    if field and kind.family is Family.CHOICE and operator is not IS_EMPTY:
        _check_choices(operand, place.at(name, operator.name), field=field)
    return Condition(source, operator, operand, place.path)


def _field(key: Any, place: Place, *, family: Family) -> FieldName | None:
    """The field with this key. None if a stored document names a field that was deleted, or created again with another type."""
    at = place.at("key")
    if not isinstance(key, str):
        raise at.invalid("The key of a custom field belongs here, in quotes.")
    field = place.vocabulary.fields.get(key)
    if field and CUSTOM_KINDS[field.type].family is family:
        return field
    if place.stored:
        return None
    if not field:
        raise at.refusal(ProblemCode.NOT_FOUND, f"There is no custom field {quoted(key)}: create it first, or name another one.")
    wanted = CUSTOM_KINDS[field.type].family
    raise place.at(family).invalid(f"{quoted(key)} is a field of type {field.type}: give `{wanted}` instead of `{family}`.")


def _kind_of(family: Family) -> CustomKind:
    return next(kind for kind in CUSTOM_KINDS.values() if kind.family is family)


def _check_choices(wanted: tuple[str, ...], place: Place, *, field: FieldName) -> None:
    unknown = [] if place.stored else field.not_offered(wanted)
    if unknown:
        message = f"is not a choice of `{field.key}`. Its choices are {listed(field.choices)}."
        raise Refused([place.at(str(index)).problem(ProblemCode.NOT_FOUND, f"{quoted(choice)} {message}") for index, choice in unknown])
