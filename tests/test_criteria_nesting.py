"""Relations within relations: judged, and explained, in as many steps as there are appointments, however deep they are nested."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.ids import to_global_id
from resolvers.criteria.evaluation.explain import ExplanationNode, explain
from resolvers.criteria.evaluation.facts import ContactFacts, OwnedFacts, StoredValue
from resolvers.criteria.evaluation.predicate import compile_predicate
from resolvers.criteria.language.fields import Family
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.operators import OPERATORS
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.language.tree import AllOf, Column, Condition, Related, Tree
from resolvers.criteria.semantics.checks import Check
from resolvers.criteria.semantics.time import Now
from resolvers.records.appointments import APPOINTMENT
from tests.support import criteria_world as world
from tests.support.composition import RECORD_TYPES

ZONE = ZoneInfo("Europe/Berlin")
NAMES = world.vocabulary(ZONE, with_gone=False)
NOW = Now(0, ZONE)
APPOINTMENTS = 40
LEVELS = 4  # an even number, so that `none` of `none` comes to `some`
GOLD = to_global_id("Group", 1)


class Counted(dict[str, StoredValue]):
    """The values of a record, which count how often they are asked for."""

    asked = 0

    def __getitem__(self, key: str) -> StoredValue:
        Counted.asked += 1
        return super().__getitem__(key)


def contact(count: int, values: Mapping[str, StoredValue]) -> ContactFacts:
    found = ContactFacts(1, {})
    found.owned[APPOINTMENT] = [OwnedFacts(number, values, found) for number in range(1, count + 1)]
    return found


def tree_of(document: Any) -> Tree:
    return parse(document, NAMES, CriteriaLimits())


def nested(innermost: Any, relation: str, levels: int = LEVELS) -> Any:
    """That there are appointments whose contact has appointments whose contact has such ones, and so on."""
    of_appointments = {"contact": nested(innermost, relation, levels - 1)} if levels > 1 else innermost
    return {"appointments": {relation: of_appointments}}


def count_of(node: ExplanationNode) -> int:
    return 1 + sum(map(count_of, node.children))


@pytest.mark.parametrize("found", [False, True])
@pytest.mark.parametrize("relation", ["some", "none"])
def test_each_appointment_is_judged_once_a_level(relation: str, found: bool) -> None:
    tree = tree_of({"contacts": nested({"title": {"contains": ["x" if found else "y"]}}, relation)})
    known = contact(APPOINTMENTS, Counted(title_folded="x"))
    Counted.asked = 0
    assert compile_predicate(tree)(known, NOW) is found
    assert Counted.asked <= APPOINTMENTS
    Counted.asked = 0
    explained = explain(tree, known, now=NOW, vocabulary=NAMES)
    assert explained.matches is compile_predicate(tree)(known, NOW)
    assert Counted.asked <= (LEVELS + 2) * APPOINTMENTS
    assert count_of(explained.root) == 2 * LEVELS


@pytest.mark.parametrize("record_type", RECORD_TYPES.all)
def test_a_contact_is_judged_anew_when_its_groups_have_changed(record_type: RecordType) -> None:
    within = nested({"contact": {"group": {"memberOfAny": [GOLD]}}}, "some", levels=2)
    document = {"contacts": within} if record_type is CONTACT else {"appointments": {"contact": within}}
    holds, known = compile_predicate(tree_of(document)), contact(3, {})
    record = known if record_type is CONTACT else known.owned[APPOINTMENT][0]
    assert not holds(record, NOW)
    known.groups.add(1)
    assert holds(record, NOW)
    other = contact(3, {})
    assert not holds(other if record_type is CONTACT else other.owned[APPOINTMENT][0], NOW)


def test_an_explanation_reads_a_condition_on_appointments_no_oftener_for_many_of_them() -> None:
    made: list[Any] = []

    def asks(operand: Any, now: Now) -> Check:
        made.append(operand)
        return plain.check(operand, now)

    plain = OPERATORS[Family.TEXT]["notEquals"]
    column = Column(APPOINTMENT, APPOINTMENT.fields["title"])
    path = ("contacts", "appointments", "some")
    leaves = tuple(Condition(column, replace(plain, check=asks), (f"{n}",), (*path, "all", str(n), "title")) for n in range(5))
    root = Related(APPOINTMENT, AllOf(leaves, (*path, "all")), 1, negated=False, path=path[:2])
    explained = explain(Tree(1, CONTACT, root, {}), contact(50, {"title_folded": "x"}), now=NOW, vocabulary=NAMES)
    assert (explained.matches, explained.root.actual) == (True, 50)
    assert len(made) == 2 * len(leaves)  # once for all appointments, and once for the one that is shown
