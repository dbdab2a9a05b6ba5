"""The table of operators: how the operand of each is parsed, which check values must pass, and its words in a sentence.

A check is both SQL and a function, so that queries and predicates cannot differ. A row with an `opposite` stands for two
operators: the negative one is true exactly where the positive one is false.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from resolvers.criteria.language.fields import Family
from resolvers.criteria.language.moments import anniversary, day, day_offset, moment, offset, positive
from resolvers.criteria.language.operands import Read, boolean, number, prefix, several, span, text
from resolvers.criteria.language.references import group, status, tag, user
from resolvers.criteria.semantics import meanings as ask
from resolvers.criteria.semantics.meanings import Meaning, units
from resolvers.criteria.semantics.time import day_number, instant


class Quantifier(Enum):
    """Which of a record's values must pass the check."""

    SOME = "at least one value passes"
    EACH = "each value of the operand is there"
    EXACTLY = "each value of the operand is there, and no other"


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One row of the table.

    `says` begins with a verb, which sentences inflect. Each {} in it stands for an operand, and {on} for one with a preposition.
    """

    name: str
    read: Read[Any]
    check: Meaning
    says: str
    opposite: str = ""
    quantifier: Quantifier = Quantifier.SOME
    negative: bool = False


IS_EMPTY = Operator("isEmpty", boolean, ask.present, "exists")

_TEXT = (
    Operator("equals", several(text), ask.equal_text, "is {}", "notEquals"),
    Operator("contains", several(text), ask.containing, "contains {}", "notContains"),
    Operator("startsWith", several(prefix), ask.starting, "starts with {}", "notStartsWith"),
    Operator("endsWith", several(text), ask.ending, "ends with {}", "notEndsWith"),
    IS_EMPTY,
)
_NUMBER = (
    Operator("equals", several(number), ask.any_of(units), "is {}", "notEquals"),
    Operator("greaterThan", number, ask.above(units), "is greater than {}"),
    Operator("greaterOrEqual", number, ask.at_or_above(units), "is at least {}"),
    Operator("lessThan", number, ask.below(units), "is less than {}"),
    Operator("lessOrEqual", number, ask.up_to(units), "is at most {}"),
    Operator("between", span(number), ask.between(units, inclusive=True), "is between {} and {}"),
    IS_EMPTY,
)
_DATE = (
    Operator("before", day, ask.below(day_number), "is before {}"),
    Operator("onOrBefore", day, ask.up_to(day_number), "is {} or earlier"),
    Operator("after", day, ask.above(day_number), "is after {}"),
    Operator("onOrAfter", day, ask.at_or_above(day_number), "is {} or later"),
    Operator("between", span(day), ask.between(day_number, inclusive=True), "is from {} to {}"),
    Operator("on", several(day), ask.any_of(day_number), "is {}", "notOn"),
    Operator("withinLast", positive(day_offset), ask.within(ask.last_days), "is in the last {}"),
    Operator("withinNext", positive(day_offset), ask.within(ask.next_days), "is in the next {}"),
    Operator("anniversary", anniversary, ask.days_of_year, "is {} in any year"),
    IS_EMPTY,
)
_DATE_TIME = (
    Operator("before", moment, ask.below(instant), "is before {}"),
    Operator("onOrBefore", moment, ask.up_to(instant), "is {on} or earlier"),
    Operator("after", moment, ask.above(instant), "is after {}"),
    Operator("onOrAfter", moment, ask.at_or_above(instant), "is {on} or later"),
    Operator("between", span(moment), ask.between(instant, inclusive=False), "is from {} until {}"),
    Operator("on", several(day), ask.within(ask.instants_on), "is {on}", "notOn"),
    Operator("withinLast", positive(offset), ask.within(ask.last_instants), "is in the last {}"),
    Operator("withinNext", positive(offset), ask.within(ask.next_instants), "is in the next {}"),
    Operator("anniversary", anniversary, ask.instants_of_year, "is {} in any year"),
    IS_EMPTY,
)
_BOOLEAN = (
    Operator("is", boolean, ask.same, "is {}"),
    IS_EMPTY,
)
_CHOICE = (
    Operator("containsAny", several(text), ask.equal_text, "contains {}", "containsNone"),
    Operator("containsAll", several(text), ask.equal_text, "contains {}", quantifier=Quantifier.EACH),
    Operator("isExactly", several(text), ask.equal_text, "is exactly {}", quantifier=Quantifier.EXACTLY),
    IS_EMPTY,
)
_REFERENCE = (
    Operator("isAny", several(user), ask.one_of, "is {}", "isNone"),
    IS_EMPTY,
)
_STATUS = (Operator("isAny", several(status), ask.one_of, "is {}", "isNone"),)
_TAGS = (
    Operator("containsAny", several(tag), ask.one_of, "contains {}", "containsNone"),
    Operator("containsAll", several(tag), ask.one_of, "contains {}", quantifier=Quantifier.EACH),
    IS_EMPTY,
)
_GROUPS = (
    Operator("memberOfAny", several(group), ask.one_of, "is in {}", "memberOfNone"),
    Operator("memberOfAll", several(group), ask.one_of, "is in {}", quantifier=Quantifier.EACH),
)


def _by_name(rows: tuple[Operator, ...]) -> Mapping[str, Operator]:
    found: dict[str, Operator] = {}
    for row in rows:
        found[row.name] = row
        if row.opposite:
            found[row.opposite] = replace(row, name=row.opposite, opposite=row.name, negative=True)
    return found


OPERATORS: Mapping[Family, Mapping[str, Operator]] = {
    Family.TEXT: _by_name(_TEXT),
    Family.NUMBER: _by_name(_NUMBER),
    Family.WHOLE_NUMBER: _by_name(tuple(replace(row, check=ask.in_wholes(row.check)) for row in _NUMBER)),
    Family.DATE: _by_name(_DATE),
    Family.DATE_TIME: _by_name(_DATE_TIME),
    Family.BOOLEAN: _by_name(_BOOLEAN),
    Family.CHOICE: _by_name(_CHOICE),
    Family.REFERENCE: _by_name(_REFERENCE),
    Family.STATUS: _by_name(_STATUS),
    Family.TAGS: _by_name(_TAGS),
    Family.GROUPS: _by_name(_GROUPS),
}
