"""What is stored: tables, migrations, errors, and the rules of storage that both engines share."""

from models.audit import AuditAction, AuditEntry
from models.bulk import BulkAction, BulkActionState, BulkInverse
from models.custom_fields import CustomField, CustomValue, FieldType
from models.groups import ChangeCause, Clock, EventKind, Group, GroupEvent, GroupMember, GroupState, RetiredSet
from models.people import AccessToken, Account, Role, TokenScope, User
from models.records import Appointment, AppointmentStatus, Contact, SearchTerm, Tag, Tagging

__all__ = [
    "AccessToken",
    "Account",
    "Appointment",
    "AppointmentStatus",
    "AuditAction",
    "AuditEntry",
    "BulkAction",
    "BulkActionState",
    "BulkInverse",
    "ChangeCause",
    "Clock",
    "Contact",
    "CustomField",
    "CustomValue",
    "EventKind",
    "FieldType",
    "Group",
    "GroupEvent",
    "GroupMember",
    "GroupState",
    "RetiredSet",
    "Role",
    "SearchTerm",
    "Tag",
    "Tagging",
    "TokenScope",
    "User",
]
