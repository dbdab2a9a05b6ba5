"""Users of an account and their roles."""

from collections.abc import Mapping, Sequence
from typing import Any

from tortoise.expressions import Q

from models import AuditAction, ChangeCause, Role, User
from models.errors import Forbidden, ProblemCode, refuse
from models.ids import to_global_id
from models.text import fold
from resolvers.access.audit_log import Audited, Values, record
from resolvers.access.roles import outranks, require_admin
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, unknown
from resolvers.values import validation
from resolvers.values.validation import Problems, required_text
from resolvers.write import write

LONGEST_SUBJECT = 255  # what OpenID Connect allows


async def user(context: Context, user_id: int | None) -> User | None:
    """Return the user with this id, or None."""
    return await context.loaders.users_by_id.load(user_id) if user_id else None


def subject_of(context: Context, user: User) -> str | None:
    """Return the subject by which an identity provider knows the user. Only the user and admins read it."""
    caller = context.caller
    reads = not outranks(Role.ADMIN, caller.role) or (caller.user_id == user.id and not caller.token_maker_id)
    return user.subject if reads else None


async def users_among(context: Context, user_ids: Sequence[int]) -> list[User]:
    """Return those of these users that still exist."""
    return [found for found in await context.loaders.users_by_id.load_many(user_ids) if found]


async def users(context: Context) -> list[User]:
    """Return all users of the account by name."""
    return sorted(await context.scope.users, key=lambda user: (fold(user.name), user.id))


async def create_user(context: Context, *, name: str, email: str, role: Role, subject: str | None = None) -> User:
    """Add a user to the account. The e-mail address, in any case, and the subject must be new in it."""
    require_admin(context)
    _refuse_touching_owners(context, role)
    problems = Problems()
    given: dict[str, Any] = {
        "name": problems.attempt(required_text, name, "input", "name"),
        "email": problems.attempt(_required_email, email, "input", "email"),
        "subject": problems.attempt(_subject, subject, "input", "subject"),
    }
    problems.raise_any()

    async def work(change: Change) -> User:
        if await context.scope.users.filter(email_folded=fold(email)).exists():
            raise refuse(ProblemCode.TAKEN, "A user of this account has this e-mail address already.", "input", "email")
        await _refuse_taken_subject(context, given["subject"], "input")
        created = await User.create(
            **given, role=role, account_id=change.account_id, email_folded=fold(email), created_at=change.at, updated_at=change.at
        )
        await record_created(context, change, created)
        return created

    return await write(context, ChangeCause.RECORD_CHANGED, work)


async def record_created(context: Context, change: Change, user: User) -> None:
    """Record that a user was added."""
    await record(context, change, _audited(AuditAction.USER_CREATED, user, after=_values(user)))


def _required_email(value: str) -> str | None:
    return validation.email(required_text(value, validation.LONGEST_EMAIL))


def _subject(value: str | None) -> str | None:
    return validation.text(value, LONGEST_SUBJECT)


async def _refuse_taken_subject(context: Context, subject: str | None, *path: str, but: int = 0) -> None:
    if subject and await context.scope.users.filter(subject=subject).exclude(id=but).exists():
        raise refuse(ProblemCode.TAKEN, "A user of this account has this subject already.", *path, "subject")


def _values(user: User) -> Values:
    return {"name": user.name, "email": user.email, "role": user.role, "subject": user.subject}


def _audited(action: AuditAction, user: User, *, before: Values | None = None, after: Values | None = None) -> Audited:
    return Audited(action=action, subject=to_global_id("User", user.id), name=user.name, before=before, after=after)


async def update_user(context: Context, *, user_id: str, changes: Mapping[str, Any]) -> User:
    """Change a user's name, role or subject. None changes nothing, and an account always keeps an owner."""
    require_admin(context)
    assigned = {name: value for name, value in changes.items() if value is not None}
    user_number = id_of(user_id, "User", "user")
    problems = Problems()
    if "name" in assigned:
        assigned["name"] = problems.attempt(required_text, assigned["name"], "name")
    if "subject" in assigned:
        assigned["subject"] = problems.attempt(_subject, assigned["subject"], "subject")
    problems.raise_any()

    async def work(change: Change) -> User:
        found = await _locked(context, user_number, assigned.get("role"))
        if "subject" in assigned:
            await _refuse_subject(context, found, assigned["subject"])
        before = _values(found)
        await found.update_from_dict({**assigned, "updated_at": change.at}).save()
        await record(context, change, _audited(AuditAction.USER_UPDATED, found, before=before, after=_values(found)))
        return found

    return await write(context, ChangeCause.RECORD_CHANGED, work)


async def _locked(context: Context, user_id: int, role: Role | None) -> User:
    """Lock the user and all owners, and return the user. Refuses a role that would leave the account without an owner."""
    rows = await context.scope.users.filter(Q(id=user_id) | Q(role=Role.OWNER)).order_by("id").select_for_update()
    found = next((row for row in rows if row.id == user_id), None)
    if found is None:
        raise unknown("user")
    if role not in (None, found.role):
        _refuse_touching_owners(context, found.role, role)
        if found.role is Role.OWNER and sum(row.role is Role.OWNER for row in rows) == 1:
            raise refuse(ProblemCode.CONFLICT, "This is the account's only owner. Make somebody else an owner first.", "role")
    return found


async def _refuse_subject(context: Context, user: User, subject: str | None) -> None:
    """Refuse to let an identity provider sign in as a user with a higher role than the caller."""
    if outranks(user.role, context.caller.role):
        raise Forbidden("Only an owner can change the subject of an owner. Ask an owner of the account.")
    await _refuse_taken_subject(context, subject, but=user.id)


def _refuse_touching_owners(context: Context, *roles: Role | None) -> None:
    if Role.OWNER in roles and context.caller.role is not Role.OWNER:
        raise Forbidden("Only an owner can make or unmake an owner. Ask an owner of the account.")
