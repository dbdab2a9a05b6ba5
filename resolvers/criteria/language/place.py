"""A place in a document of criteria: its path, the names that can be used there, and how to refuse its value."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from models.errors import Problem, ProblemCode, Refused
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.names import Vocabulary
from resolvers.criteria.language.record_types import RecordType

Path = tuple[str, ...]
Found = TypeVar("Found")
One = TypeVar("One")
Other = TypeVar("Other")

MOST_PROBLEMS = 100  # that are reported of one list
LONGEST_QUOTE = 60  # characters of a value that a message repeats


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document that is being parsed. The conditions there are about records of one type.

    `stored` criteria were accepted before, and are not refused again.
    """

    vocabulary: Vocabulary
    limits: CriteriaLimits
    record_type: RecordType
    stored: bool = False
    path: Path = ()

    def at(self, *steps: str) -> "Place":
        """The place that these keys and indexes lead to."""
        return Place(self.vocabulary, self.limits, self.record_type, self.stored, (*self.path, *steps))

    def about(self, record_type: RecordType) -> "Place":
        """The same place, with conditions about records of another type."""
        return Place(self.vocabulary, self.limits, record_type, self.stored, self.path)

    def problem(self, code: ProblemCode, message: str) -> Problem:
        """A problem with the value here."""
        return Problem(code, message, self.path)

    def invalid(self, message: str) -> Refused:
        """A refusal of the value here as invalid."""
        return self.refusal(ProblemCode.INVALID, message)

    def refusal(self, code: ProblemCode, message: str) -> Refused:
        """A refusal with any code."""
        return Refused([self.problem(code, message)])


def quoted(value: str) -> str:
    """A value in the form in which messages repeat it, shortened if it is long."""
    return f"`{value[:LONGEST_QUOTE]}…`" if len(value) > LONGEST_QUOTE else f"`{value}`"


def listed(keys: Iterable[str]) -> str:
    """Keys in the form in which messages list them."""
    return ", ".join(f"`{key}`" for key in keys)


def one_key(value: Any, place: Place, *, allowed: Collection[str]) -> tuple[str, Any]:
    """The only key of an object, and its value. Refused unless it is one of the allowed keys."""
    expected = f"Give an object with exactly one of {listed(allowed)}."
    if not isinstance(value, dict):
        raise place.invalid(f"An object belongs here. {expected}")
    refuse_unknown(value, place, allowed=allowed)
    if len(value) != 1:
        raise place.invalid(f"{len(value)} keys are given here. {expected}")
    ((key, held),) = value.items()
    return key, held


def members(value: Any, place: Place, *, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Any]:
    """The members of an object that must have all required keys, and may have the optional ones."""
    allowed = (*required, *optional)
    if not isinstance(value, dict):
        raise place.invalid(f"An object belongs here. Its keys are {listed(allowed)}.")
    refuse_unknown(value, place, allowed=allowed)
    missing = [key for key in required if key not in value]
    if missing:
        raise Refused([place.at(key).problem(ProblemCode.INVALID, f"`{key}` is missing: it is required here.") for key in missing])
    return value


def refuse_unknown(value: dict[Any, Any], place: Place, *, allowed: Collection[str]) -> None:
    """Refuse an object with keys other than the allowed ones."""
    unknown = [str(key) for key in value if key not in allowed][:MOST_PROBLEMS]
    if unknown:
        message = f"does not belong here. The keys that do are {listed(allowed)}."
        raise Refused([place.problem(ProblemCode.INVALID, f"{quoted(key)} {message}") for key in unknown])


def each(values: list[Any], place: Place, *, read: Callable[[Any, Place], Found]) -> tuple[Found, ...]:
    """Parse every element. Refuses with the problems of all of them."""
    return together(partial(read, value, place.at(str(index))) for index, value in enumerate(values))


def together(readings: Iterable[Callable[[], Found]]) -> tuple[Found, ...]:
    """The results of all these functions. Refuses with the problems of all of them."""
    found: list[Found] = []
    problems: list[Problem] = []
    for reading in readings:
        try:
            found.append(reading())
        except Refused as refused:
            problems += refused.problems
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise Refused(problems[:MOST_PROBLEMS])
    return tuple(found)


def both(one: Callable[[], One], other: Callable[[], Other]) -> tuple[One, Other]:
    """The results of two functions of different types. Refuses with the problems of both."""
    readings: list[Callable[[], Any]] = [one, other]
    first, second = together(readings)
    return first, second


def elements(value: Any, place: Place) -> list[Any]:
    """A list that is not empty."""
    if not isinstance(value, list):
        raise place.invalid("A list belongs here: put the values in [ ].")
    if not value:
        raise place.invalid("The list is empty, which is always a mistake: give at least one value, or remove the condition.")
    return value
