"""Audit log entries about groups. Definitions are for those who could view the group, and permissions have entries of their own."""

from dataclasses import replace

from models import AuditAction, Group
from models.ids import to_global_id
from resolvers.access.audit_log import Audited, Values, record
from resolvers.grouping.permissions import audience_document
from resolvers.membership.change import Change
from resolvers.operation.context import Context

DEFINITION = ("name", "criteria")
PERMISSION = ("view", "edit")


async def record_created(context: Context, change: Change, group: Group) -> None:
    """Record that a group was created."""
    await record(context, change, replace(_audited(AuditAction.GROUP_CREATED, group, group.view), after=_everything(group)))


async def record_updated(context: Context, change: Change, group: Group, values: Values) -> None:
    """Record the changes of a group: the definition for viewers from before and after, the permission for either."""
    view = values.get("view", group.view)
    definition = _audited(AuditAction.GROUP_UPDATED, group, view if view == group.view else "")
    before = {name: getattr(group, name) for name in DEFINITION}
    await record(context, change, replace(definition, before=before, after=_with(before, values)))
    permission = _audited(AuditAction.GROUP_PERMISSION_CHANGED, group, group.view + view)
    marks = {name: getattr(group, name) for name in PERMISSION}
    await record(context, change, replace(permission, before=_audiences(marks), after=_audiences(_with(marks, values))))


async def record_deleted(context: Context, change: Change, group: Group) -> None:
    """Record that a group was deleted."""
    await record(context, change, replace(_audited(AuditAction.GROUP_DELETED, group, group.view), before=_everything(group)))


def _with(before: Values, values: Values) -> Values:
    """Return the values before, replaced by the new ones where there are any."""
    return {name: values.get(name, value) for name, value in before.items()}


def _everything(group: Group) -> Values:
    return {"name": group.name, "criteria": group.criteria, **_audiences({"view": group.view, "edit": group.edit})}


def _audiences(marks: Values) -> Values:
    return {name: audience_document(text) for name, text in marks.items()}


def _audited(action: AuditAction, group: Group, viewers: str) -> Audited:
    owner = "" if group.owner_id is None else f"|user:{group.owner_id}|"
    return Audited(action=action, subject=to_global_id("Group", group.id), name=group.name, audience=viewers + owner)
