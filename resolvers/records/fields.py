"""Custom fields: the fields that an account defines for its contacts."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from models import AuditAction, ChangeCause, CustomField, FieldType
from models.errors import Problem, ProblemCode, Refused, refuse
from models.text import fold
from resolvers.access.audit_log import Audited, Values, record
from resolvers.access.roles import require_admin
from resolvers.criteria.language.mentions import Mention
from resolvers.grouping.usage import in_use
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.values.validation import Check, Problems, invalid, required_text
from resolvers.write import write

LONGEST_LABEL = 100
LONGEST_CHOICE = 100
MOST_CHOICES = 500
MOST_FIELDS = 500  # because every form shows all of them, and every import reads all of them
WITH_CHOICES = (FieldType.DROPDOWN, FieldType.LIST)
NOT_CUSTOM = (FieldType.TAGS, FieldType.GROUP, FieldType.REFERENCE, FieldType.RELATION)

KEY = re.compile(r"[a-z][A-Za-z0-9_]{0,63}")

# Criteria name custom fields by key, so criteria that name a deleted field refer to a new one with its key. A `_` in the
# pattern also matches other keys, whose groups are then evaluated again without need.
GROUPS_NAMING = "SELECT id FROM groups WHERE account_id = :account AND criteria LIKE :pattern"


async def custom_fields(context: Context) -> list[CustomField]:
    """Return the account's custom fields by label."""
    return sorted(await context.scope.custom_fields, key=lambda found: (fold(found.label), found.key))


async def create_custom_field(context: Context, *, key: str, label: str, type: FieldType, choices: list[str] | None = None) -> CustomField:
    """Create a custom field. Groups whose criteria name its key are evaluated again."""
    require_admin(context)
    values = _checked({"key": key, "label": label, "type": type, "choices": choices}, type)

    async def work(change: Change) -> CustomField:
        await _refuse_taken(context, key)
        rows = await change.database.rows(GROUPS_NAMING, account=change.account_id, pattern=f'%"key":"{key}"%')
        change.invalidate(*(row["id"] for row in rows))
        created = await CustomField.create(**values, account_id=change.account_id, created_at=change.at, updated_at=change.at)
        await record(context, change, _audited(AuditAction.CUSTOM_FIELD_CREATED, created, after=_told(created)))
        return created

    return await write(context, ChangeCause.RECORD_CHANGED, work, redefines=True)


async def _refuse_taken(context: Context, key: str) -> None:
    known = {found.key for found in await context.scope.custom_fields}
    if key in known:
        raise refuse(ProblemCode.TAKEN, "There is already a custom field with this key. Choose another.", "input", "key")
    if len(known) >= MOST_FIELDS:
        raise refuse(ProblemCode.LIMIT_EXCEEDED, f"An account has at most {MOST_FIELDS} custom fields. Delete one first.", "input")


async def update_custom_field(context: Context, *, key: str, changes: Mapping[str, Any]) -> CustomField:
    """Change a field's label or choices. A removed choice stays on the contacts that have it."""
    require_admin(context)

    async def work(change: Change) -> CustomField:
        field = await _existing(context, key, "input", "key")
        values = _checked(changes, field.type)
        assigned = {name: value for name, value in values.items() if value != getattr(field, name)}
        if assigned:
            await context.scope.custom_fields.filter(id=field.id).update(**assigned, updated_at=change.at)
            told = _told(field)
            await record(context, change, _audited(AuditAction.CUSTOM_FIELD_UPDATED, field, before=told, after=told | assigned))
        # Read before the commit, after which somebody else may delete the field.
        return await _existing(context, key, "input", "key")

    return await write(context, ChangeCause.RECORD_CHANGED, work)


async def delete_custom_field(context: Context, *, key: str, force: bool = False) -> str:
    """Delete a field with its values, and return its key. Refused while criteria of groups use it, unless forced."""
    require_admin(context)

    async def work(change: Change) -> None:
        field = await _existing(context, key, "key")
        users = await context.services.definitions.using(change.database, change.account_id, Mention("custom", field.id))
        if users and not force:
            raise await in_use(context, users, "key")
        change.invalidate(*users)
        await field.delete()
        await record(context, change, _audited(AuditAction.CUSTOM_FIELD_DELETED, field, before=_told(field)))

    await write(context, ChangeCause.RECORD_CHANGED, work, redefines=True)
    return key


async def _existing(context: Context, key: str, *path: str) -> CustomField:
    found = [field for field in await context.scope.custom_fields if field.key == key]
    if not found:
        raise refuse(ProblemCode.NOT_FOUND, "There is no custom field with this key.", *path)
    return found[0]


def _told(field: CustomField) -> dict[str, Any]:
    return {"label": field.label, "type": field.type, "choices": field.choices}


def _audited(action: AuditAction, field: CustomField, *, before: Values | None = None, after: Values | None = None) -> Audited:
    return Audited(action=action, subject=field.key, name=field.label, before=before, after=after)


def _checked(given: Mapping[str, Any], type: FieldType) -> dict[str, Any]:
    problems = Problems()
    checks: dict[str, Check] = {"key": _key, "label": _label, "type": _type, "choices": partial(_choices, type)}
    values: dict[str, Any] = {name: problems.attempt(checks[name], value, "input", name) for name, value in given.items()}
    problems.raise_any()
    return values


def _key(value: str) -> str:
    if not KEY.fullmatch(value):
        raise invalid("A key begins with a small letter, and has at most 64 letters, digits and underscores, such as planName.")
    return value


def _label(value: Any) -> str:
    return required_text(value, LONGEST_LABEL).strip()


def _type(value: FieldType) -> FieldType:
    if value in NOT_CUSTOM:
        raise invalid("Custom fields cannot be of this type.")
    return value


def _choices(type: FieldType, value: list[str] | None) -> list[str] | None:
    if type not in WITH_CHOICES:
        if value is not None:
            raise invalid("Only DROPDOWN and LIST fields have choices.")
        return None
    if not value or len(value) > MOST_CHOICES:
        raise invalid(f"Give 1 to {MOST_CHOICES} choices.")
    problems = Problems()
    choices = [problems.attempt(partial(required_text, longest=LONGEST_CHOICE), choice, str(index)) for index, choice in enumerate(value)]
    problems.raise_any()
    kept = [choice.strip() for choice in choices if choice]
    folded = [fold(choice) for choice in kept]
    twice = [index for index, choice in enumerate(folded) if choice in folded[:index]]
    if twice:
        raise Refused([Problem(ProblemCode.INVALID, "This choice is given twice, apart from its case.", (str(index),)) for index in twice])
    return kept
