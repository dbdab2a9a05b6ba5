"""The inputs that test one field: a condition for each kind of value, with its operators."""

from decimal import Decimal

import strawberry
from strawberry import ID, UNSET

from models import AppointmentStatus
from schema.moments import Day, DayRange, Moment, Offset

strawberry.enum(AppointmentStatus)


@strawberry.input(one_of=True)
class TagRef:
    """A tag, by id or by name."""

    id: ID | None = UNSET
    name: str | None = UNSET


@strawberry.input
class MomentRange:
    """A range of instants."""

    from_: Moment = strawberry.field(name="from")
    to: Moment


@strawberry.input(one_of=True)
class AnniversaryCondition:
    """A test of the day of the year."""

    today: bool | None = UNSET
    this_month: bool | None = UNSET
    within_next_days: int | None = UNSET
    within_last_days: int | None = UNSET


@strawberry.input(one_of=True)
class DateTimeCondition:
    """A test of an instant."""

    before: Moment | None = UNSET
    on_or_before: Moment | None = UNSET
    after: Moment | None = UNSET
    on_or_after: Moment | None = UNSET
    between: MomentRange | None = UNSET
    on: list[Day] | None = UNSET
    not_on: list[Day] | None = UNSET
    within_last: Offset | None = UNSET
    within_next: Offset | None = UNSET
    anniversary: AnniversaryCondition | None = UNSET
    is_empty: bool | None = UNSET


@strawberry.input(one_of=True)
class DateCondition:
    """A test of a calendar day."""

    before: Day | None = UNSET
    on_or_before: Day | None = UNSET
    after: Day | None = UNSET
    on_or_after: Day | None = UNSET
    between: DayRange | None = UNSET
    on: list[Day] | None = UNSET
    not_on: list[Day] | None = UNSET
    within_last: Offset | None = UNSET
    within_next: Offset | None = UNSET
    anniversary: AnniversaryCondition | None = UNSET
    is_empty: bool | None = UNSET


@strawberry.input(one_of=True)
class TextCondition:
    """A test of a text."""

    equals: list[str] | None = UNSET
    not_equals: list[str] | None = UNSET
    contains: list[str] | None = UNSET
    not_contains: list[str] | None = UNSET
    starts_with: list[str] | None = UNSET
    not_starts_with: list[str] | None = UNSET
    ends_with: list[str] | None = UNSET
    not_ends_with: list[str] | None = UNSET
    is_empty: bool | None = UNSET


@strawberry.input
class NumberRange:
    """A range of numbers."""

    from_: Decimal = strawberry.field(name="from")
    to: Decimal


@strawberry.input(one_of=True)
class NumberCondition:
    """A test of a number."""

    equals: list[Decimal] | None = UNSET
    not_equals: list[Decimal] | None = UNSET
    greater_than: Decimal | None = UNSET
    greater_or_equal: Decimal | None = UNSET
    less_than: Decimal | None = UNSET
    less_or_equal: Decimal | None = UNSET
    between: NumberRange | None = UNSET
    is_empty: bool | None = UNSET


@strawberry.input(one_of=True)
class BooleanCondition:
    """A test of a checkbox."""

    is_: bool | None = strawberry.field(name="is", default=UNSET)
    is_empty: bool | None = UNSET


@strawberry.input(one_of=True)
class ChoiceCondition:
    """A test of a dropdown or list."""

    contains_any: list[str] | None = UNSET
    contains_all: list[str] | None = UNSET
    contains_none: list[str] | None = UNSET
    is_exactly: list[str] | None = UNSET
    is_empty: bool | None = UNSET


@strawberry.input(one_of=True)
class TagCondition:
    """A test of a contact's tags."""

    contains_any: list[TagRef] | None = UNSET
    contains_all: list[TagRef] | None = UNSET
    contains_none: list[TagRef] | None = UNSET
    is_empty: bool | None = UNSET


@strawberry.input
class TaggedAtCondition:
    """A test of when a contact was given a tag."""

    tag: TagRef
    when: DateTimeCondition


@strawberry.input(one_of=True)
class GroupCondition:
    """A test of membership in other groups."""

    member_of_any: list[ID] | None = UNSET
    member_of_all: list[ID] | None = UNSET
    member_of_none: list[ID] | None = UNSET


@strawberry.input(one_of=True)
class ReferenceCondition:
    """A test of a user."""

    is_any: list[ID] | None = UNSET
    is_none: list[ID] | None = UNSET
    is_empty: bool | None = UNSET


@strawberry.input(one_of=True)
class AppointmentStatusCondition:
    """A test of the status of an appointment."""

    is_any: list[AppointmentStatus] | None = UNSET
    is_none: list[AppointmentStatus] | None = UNSET


@strawberry.input
class CustomFieldCondition:
    """A test of a custom field."""

    key: str
    text: TextCondition | None = UNSET
    number: NumberCondition | None = UNSET
    date: DateCondition | None = UNSET
    date_time: DateTimeCondition | None = UNSET
    boolean: BooleanCondition | None = UNSET
    choice: ChoiceCondition | None = UNSET
