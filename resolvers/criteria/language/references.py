"""Parses operands that refer to something else: tags, groups, users, and values of a fixed list."""

from typing import Any

from models import AppointmentStatus
from models.errors import ProblemCode
from models.ids import number_of
from models.text import fold
from resolvers.criteria.language.place import Place, listed, one_key, quoted
from resolvers.criteria.language.record_types import CONTACT


def tag(value: Any, place: Place) -> int:
    """The id of a tag that is given by its id or its name."""
    key, held = one_key(value, place, allowed=("id", "name"))
    if not isinstance(held, str):
        raise place.at(key).invalid(f"The {key} of a tag belongs here, in quotes.")
    names = place.vocabulary
    found = names.tags_by_name.get(fold(held)) if key == "name" else number_of(held, "Tag")
    if found is None or not (place.stored or found in names.tags):
        raise place.at(key).refusal(ProblemCode.NOT_FOUND, f"There is no tag {quoted(held)}: create it first, or name another one.")
    return found


def group(value: Any, place: Place) -> int:
    """The id of a group of contacts."""
    found = _row_number(value, place, kind="Group")
    name = place.vocabulary.groups.get(found)
    if name and name.record_type is not CONTACT:
        raise place.invalid(f"The group is one of {name.record_type.key}, and only groups of contacts can be named here.")
    if not (name or place.stored):
        raise place.refusal(ProblemCode.NOT_FOUND, f"There is no group with the id {quoted(value)}: name another one.")
    return found


def user(value: Any, place: Place) -> int:
    """The id of a user."""
    found = _row_number(value, place, kind="User")
    if not (place.stored or found in place.vocabulary.users):
        raise place.refusal(ProblemCode.NOT_FOUND, f"There is no user with the id {quoted(value)}: name another one.")
    return found


def status(value: Any, place: Place) -> str:
    """The status of an appointment."""
    if not isinstance(value, str) or value not in AppointmentStatus.__members__:
        raise place.invalid(f"The status of an appointment belongs here, one of {listed(AppointmentStatus)}.")
    return value


def _row_number(value: Any, place: Place, *, kind: str) -> int:
    if not isinstance(value, str):
        raise place.invalid(f"The id of a {kind.lower()} belongs here, in quotes.")
    return number_of(value, kind) or 0
