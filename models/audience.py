"""Who may view or edit a group: everyone in the account, the owner alone, some roles, or some users.

It is stored as one text of marks such as `|role:ADMIN||role:EDITOR|`, which both engines filter with LIKE. A group's owner belongs to each
audience of that group.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tortoise.expressions import Q

from models.people import Person, Role


@dataclass(frozen=True, slots=True)
class Audience:
    """A set of people in an account, besides the owner."""

    everyone: bool = False
    roles: tuple[Role, ...] = ()
    user_ids: tuple[int, ...] = ()

    @property
    def only_owner(self) -> bool:
        """Whether it has no member but the owner."""
        return not (self.everyone or self.roles or self.user_ids)

    def includes(self, user_id: int, role: Role) -> bool:
        """Whether a user with this role belongs to it, ownership aside."""
        return self.everyone or role in self.roles or user_id in self.user_ids

    def permits(self, owner_id: int | None, people: Sequence[Person]) -> bool:
        """Whether each of these people belongs to it or is the owner."""
        return all(owner_id == user_id or self.includes(user_id, role) for user_id, role in people)

    def marks(self) -> str:
        """The stored form."""
        marks = ["everyone"] if self.everyone else []
        marks += [f"role:{role.value}" for role in self.roles] + [f"user:{user_id}" for user_id in self.user_ids]
        return "".join(f"|{mark}|" for mark in marks)


EVERYONE = Audience(everyone=True)


def read_audience(marks: str) -> Audience:
    """The audience that a stored form stands for."""
    found = [mark.partition(":") for mark in marks.strip("|").split("||") if mark]
    return Audience(
        everyone=any(kind == "everyone" for kind, _, _ in found),
        roles=tuple(Role(name) for kind, _, name in found if kind == "role"),
        user_ids=tuple(int(name) for kind, _, name in found if kind == "user"),
    )


def audience_filter(column: str, people: Sequence[Person]) -> Q:
    """The groups whose audience in `column` (view or edit), or whose owner, includes each of these people."""
    first, *others = (_including(column, person) for person in people)
    return Q(first, *others, join_type="AND") if others else first


def _including(column: str, person: Person) -> Q:
    marks = ("|everyone|", f"|role:{person.role.value}|", f"|user:{person.user_id}|")
    return Q(Q(owner_id=person.user_id), *(Q(**{f"{column}__contains": mark}) for mark in marks), join_type="OR")
