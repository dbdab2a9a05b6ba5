"""The rows of the caller's account as query sets. Resolvers start every query here.

Every query set is restricted to the account, and groups to those that the caller may view, so that a resolver cannot reach
another account's rows by forgetting a condition.
"""

from dataclasses import dataclass
from typing import Any

from tortoise.queryset import QuerySet

from models import (
    AccessToken,
    Account,
    Appointment,
    AuditEntry,
    BulkAction,
    Contact,
    CustomField,
    CustomValue,
    Group,
    GroupEvent,
    GroupMember,
    Role,
    SearchTerm,
    Tag,
    Tagging,
    User,
)
from models.audience import audience_filter
from models.people import Person
from resolvers.criteria.language.record_types import RecordType


@dataclass(frozen=True, slots=True)
class Scope:
    """What one user of one account can see: of groups, those that each of the people may view. Without people, it is the user alone."""

    account_id: int
    user_id: int
    role: Role
    people: tuple[Person, ...] = ()

    def __post_init__(self) -> None:
        if not self.people:
            object.__setattr__(self, "people", (Person(self.user_id, self.role),))

    @property
    def account(self) -> QuerySet[Account]:
        """The account itself."""
        return Account.filter(id=self.account_id)

    @property
    def users(self) -> QuerySet[User]:
        """The account's users."""
        return User.filter(account_id=self.account_id)

    @property
    def access_tokens(self) -> QuerySet[AccessToken]:
        """The access tokens of the account's users."""
        return AccessToken.filter(account_id=self.account_id)

    @property
    def audit_entries(self) -> QuerySet[AuditEntry]:
        """The account's audit log."""
        return AuditEntry.filter(account_id=self.account_id)

    @property
    def contacts(self) -> QuerySet[Contact]:
        """The account's contacts."""
        return Contact.filter(account_id=self.account_id)

    @property
    def search_terms(self) -> QuerySet[SearchTerm]:
        """The words by which the account's contacts are found."""
        return SearchTerm.filter(account_id=self.account_id)

    @property
    def appointments(self) -> QuerySet[Appointment]:
        """The account's appointments."""
        return Appointment.filter(account_id=self.account_id)

    def records(self, record_type: RecordType) -> QuerySet[Any]:
        """The account's records of a type."""
        return record_type.model.filter(account_id=self.account_id)

    @property
    def tags(self) -> QuerySet[Tag]:
        """The account's tags."""
        return Tag.filter(account_id=self.account_id)

    @property
    def taggings(self) -> QuerySet[Tagging]:
        """The account's taggings."""
        return Tagging.filter(account_id=self.account_id)

    @property
    def custom_fields(self) -> QuerySet[CustomField]:
        """The account's custom fields."""
        return CustomField.filter(account_id=self.account_id)

    @property
    def custom_values(self) -> QuerySet[CustomValue]:
        """The values of the account's custom fields."""
        return CustomValue.filter(account_id=self.account_id)

    @property
    def groups(self) -> QuerySet[Group]:
        """The groups that the caller may view."""
        return self.all_groups.filter(audience_filter("view", self.people))

    @property
    def all_groups(self) -> QuerySet[Group]:
        """Every group of the account, also those that the caller may not view."""
        return Group.filter(account_id=self.account_id, replaces_id=None)

    @property
    def definitions(self) -> QuerySet[Group]:
        """Every group of the account, with the hidden groups of builds."""
        return Group.filter(account_id=self.account_id)

    @property
    def group_events(self) -> QuerySet[GroupEvent]:
        """The logs of the account's groups."""
        return GroupEvent.filter(account_id=self.account_id)

    @property
    def group_members(self) -> QuerySet[GroupMember]:
        """The memberships of the account's groups."""
        return GroupMember.filter(account_id=self.account_id)

    @property
    def bulk_actions(self) -> QuerySet[BulkAction]:
        """The account's bulk actions."""
        return BulkAction.filter(account_id=self.account_id)
