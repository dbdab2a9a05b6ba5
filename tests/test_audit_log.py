"""The audit log: there is an entry if and only if something was changed, and nobody learns from it what they may not know."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from models import AuditAction, AuditEntry, FieldType, Group, Role
from models.engine.database import Database
from models.errors import Forbidden, MusterError, Refused
from models.ids import to_global_id
from resolvers.access.accounts import update_account
from resolvers.access.audit_log import MOST_BYTES, audit_log, prune
from resolvers.access.sign_in import authenticate
from resolvers.access.tokens import create_access_token, revoke_access_token
from resolvers.access.users import create_user, update_user
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.operation.context import Context, Services
from resolvers.reading.paging import PageArguments
from resolvers.records.fields import create_custom_field, delete_custom_field, update_custom_field
from resolvers.records.nodes import node
from resolvers.tagging.tags import create_tag, merge_tags
from tests.support.callers import new_account, new_user
from tests.support.clock import DrivenClock
from tests.support.graphql import answer, ask
from tests.support.services import running_services

EVERYBODY = {"contacts": {"email": {"isEmpty": True}}}
NOBODY = {"contacts": {"email": {"isEmpty": False}}}
LOG = """
query ($where: AuditFilter, $first: Int, $after: String) {
  auditLog(where: $where, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id occurredAt actor { email } accessTokenId action subjectId subjectName before after }
  }
}
"""


async def log(context: Context, **where: Any) -> list[AuditEntry]:
    """The entries that a caller sees, the oldest first."""
    return (await audit_log(context, where, PageArguments(first=100))).nodes[::-1]


async def only(context: Context, **where: Any) -> AuditEntry:
    (entry,) = await log(context, **where)
    return entry


def group_id(group: Group) -> str:
    return to_global_id("Group", group.id)


# ---------------------------------------------------------------- an entry for each change


async def test_users_tokens_and_the_account_leave_their_trace(owner: Context) -> None:
    user = await create_user(owner, name="Zoë", email="zoe@example.org", role=Role.VIEWER, subject="sub-1")
    user_id = to_global_id("User", user.id)
    await update_user(owner, user_id=user_id, changes={"role": Role.EDITOR, "name": "Zoë", "subject": None})
    token, secret = await create_access_token(owner, name="Script", user_id=user_id)
    token_id = to_global_id("AccessToken", token.id)
    await revoke_access_token(owner, token_id)
    await update_account(owner, {"name": "Acme"})
    created, updated, made, revoked, account = await log(owner)
    assert (created.action, created.subject, created.subject_name) == (AuditAction.USER_CREATED, user_id, "Zoë")
    assert (created.before, created.after) == (None, {"name": "Zoë", "email": "zoe@example.org", "role": "VIEWER", "subject": "sub-1"})
    assert (updated.action, updated.before, updated.after) == (AuditAction.USER_UPDATED, {"role": "VIEWER"}, {"role": "EDITOR"})
    values = {"name": "Script", "userId": user_id, "scopes": ["READ", "WRITE"], "expiresAt": None}
    assert (made.action, made.subject, made.before, made.after) == (AuditAction.ACCESS_TOKEN_CREATED, token_id, None, values)
    assert (revoked.action, revoked.subject, revoked.before, revoked.after) == (AuditAction.ACCESS_TOKEN_REVOKED, token_id, values, None)
    assert (account.action, account.after) == (AuditAction.ACCOUNT_UPDATED, {"name": "Acme"})
    rows = await owner.services.database.rows("SELECT * FROM audit_entries")
    assert secret not in str(rows)


async def test_groups_and_custom_fields_leave_their_trace(owner: Context) -> None:
    group = await create_group(owner, name="All", criteria=EVERYBODY)
    permission = {"view": {"roles": ["ADMIN"]}, "edit": {"only_owner": True}}
    await update_group(owner, group_id=group_id(group), changes={"name": "None", "criteria": NOBODY, "permission": permission})
    await delete_group(owner, group_id=group_id(group), force=False)
    await create_custom_field(owner, key="plan", label="Plan", type=FieldType.DROPDOWN, choices=["a"])
    await update_custom_field(owner, key="plan", changes={"choices": ["a", "b"]})
    await delete_custom_field(owner, key="plan")
    everyone = {"view": {"everyone": True}, "edit": {"everyone": True}}
    limits = {"view": {"roles": ["ADMIN"]}, "edit": {"onlyOwner": True}}
    assert [(entry.action, entry.subject, entry.before, entry.after) for entry in await log(owner)] == [
        (AuditAction.GROUP_CREATED, group_id(group), None, {"name": "All", "criteria": EVERYBODY, **everyone}),
        (AuditAction.GROUP_UPDATED, group_id(group), {"name": "All", "criteria": EVERYBODY}, {"name": "None", "criteria": NOBODY}),
        (AuditAction.GROUP_PERMISSION_CHANGED, group_id(group), everyone, limits),
        (AuditAction.GROUP_DELETED, group_id(group), {"name": "None", "criteria": NOBODY, **limits}, None),
        (AuditAction.CUSTOM_FIELD_CREATED, "plan", None, {"label": "Plan", "type": "DROPDOWN", "choices": ["a"]}),
        (AuditAction.CUSTOM_FIELD_UPDATED, "plan", {"choices": ["a"]}, {"choices": ["a", "b"]}),
        (AuditAction.CUSTOM_FIELD_DELETED, "plan", {"label": "Plan", "type": "DROPDOWN", "choices": ["a", "b"]}, None),
    ]


async def test_a_merge_of_tags_is_an_edit_of_the_groups_that_name_them(owner: Context) -> None:
    source, target = [to_global_id("Tag", (await create_tag(owner, name=name)).pk) for name in ("Client", "Customer")]
    before, after = [{"contacts": {"tags": {"containsAny": [{"id": tag}]}}} for tag in (source, target)]
    group = await create_group(owner, name="Clients", criteria=before)
    await merge_tags(owner, source_id=source, target_id=target)
    edited = (await log(owner, subject_id=group_id(group)))[-1]
    assert (edited.action, edited.before, edited.after) == (AuditAction.GROUP_UPDATED, {"criteria": before}, {"criteria": after})


async def test_criteria_that_are_being_built_are_told_as_they_were_asked_for(database: Database) -> None:
    async with running_services(database, DrivenClock(), evaluated_at_once=0) as services:
        owner = await new_account(services)
        await owner.services.database.rows(
            "INSERT INTO contacts (account_id, created_at, updated_at) VALUES (:id, 0, 0)", id=owner.caller.account_id
        )
        group = await create_group(owner, name="All", criteria=EVERYBODY)
        await update_group(owner, group_id=group_id(group), changes={"criteria": NOBODY})
        assert (await log(owner))[-1].after == {"criteria": NOBODY}


async def test_who_did_it_and_with_which_token(services: Services, owner: Context, clock: DrivenClock) -> None:
    token, secret = await create_access_token(owner, name="Script")
    clock.pass_(hours=1)
    script = await authenticate(services, f"Bearer {secret}")
    await update_account(script, {"name": "Acme"})
    made, renamed = await log(owner)
    assert (made.actor_id, made.token_id) == (owner.caller.user_id, None)
    assert (renamed.actor_id, renamed.token_id, renamed.occurred_at) == (owner.caller.user_id, token.id, clock())


REFUSED: dict[str, Callable[[Context], Awaitable[object]]] = {
    "a taken address": lambda owner: create_user(owner, name="Zoë", email="ZOE@example.org", role=Role.VIEWER),
    "a blank name": lambda owner: create_user(owner, name="", email="new@example.org", role=Role.VIEWER),
    "the last owner": lambda owner: update_user(owner, user_id=own_id(owner), changes={"role": Role.VIEWER}),
    "a nameless token": lambda owner: create_access_token(owner, name=""),
    "bad criteria": lambda owner: create_group(owner, name="All", criteria={"contacts": {"nonsense": {}}}),
    "no such field": lambda owner: delete_custom_field(owner, key="nonsense"),
    "no such token": lambda owner: revoke_access_token(owner, to_global_id("AccessToken", 2**40)),
}


def own_id(context: Context) -> str:
    return to_global_id("User", context.caller.user_id)


@pytest.mark.parametrize("attempt", REFUSED.values(), ids=REFUSED)
async def test_what_was_refused_leaves_no_trace(owner: Context, attempt: Callable[[Context], Awaitable[object]]) -> None:
    await create_user(owner, name="Zoë", email="zoe@example.org", role=Role.VIEWER)
    with pytest.raises(MusterError):
        await attempt(owner)
    assert [entry.action for entry in await log(owner)] == [AuditAction.USER_CREATED]


async def test_a_change_of_nothing_leaves_no_trace(owner: Context) -> None:
    user = await create_user(owner, name="Zoë", email="zoe@example.org", role=Role.VIEWER)
    group = await create_group(owner, name="All", criteria=EVERYBODY)
    await create_custom_field(owner, key="plan", label="Plan", type=FieldType.TEXT)
    before = len(await log(owner))
    await update_user(owner, user_id=to_global_id("User", user.id), changes={"name": "Zoë", "role": Role.VIEWER})
    await update_group(owner, group_id=group_id(group), changes={"name": "All", "criteria": EVERYBODY, "permission": {}})
    await update_custom_field(owner, key="plan", changes={"label": "Plan"})
    await update_account(owner, {})
    assert len(await log(owner)) == before


async def test_large_values_are_left_out(owner: Context) -> None:
    criteria = {"contacts": {"country": {"equals": [f"Country {number:04}" for number in range(500)]}}}
    group = await create_group(owner, name="Many", criteria=criteria)
    entry = await only(owner, subject_id=group_id(group))
    assert entry.after["name"] == "Many"
    assert set(entry.after["criteria"]) == {"omitted"}
    assert len(json.dumps(entry.after)) < MOST_BYTES


# ---------------------------------------------------------------- reading it


async def test_the_log_is_for_admins_and_for_their_own_account(services: Services, owner: Context) -> None:
    await update_account(owner, {"name": "Acme"})
    entry_id = to_global_id("AuditEntry", (await only(owner)).pk)
    admin = await new_user(services, owner.caller.account_id, Role.ADMIN)
    assert [entry.action for entry in await log(admin)] == [AuditAction.ACCOUNT_UPDATED]
    assert isinstance(await node(admin, entry_id), AuditEntry)
    for role in (Role.EDITOR, Role.VIEWER):
        below = await new_user(services, owner.caller.account_id, role)
        with pytest.raises(Forbidden):
            await log(below)
        assert await node(below, entry_id) is None
    stranger = await new_account(services)
    assert await log(stranger) == []
    assert await node(stranger, entry_id) is None


async def test_clients_read_it_page_by_page_the_newest_first(owner: Context) -> None:
    for name in ("a", "b", "c"):
        await update_account(owner, {"name": name})
    first = (await ask(owner, LOG, first=2))["auditLog"]
    assert (first["totalCount"], [entry["after"]["name"] for entry in first["nodes"]]) == (3, ["c", "b"])
    last = (await ask(owner, LOG, first=2, after=first["pageInfo"]["endCursor"]))["auditLog"]
    assert [entry["after"] for entry in last["nodes"]] == [{"name": "a"}]
    assert not last["pageInfo"]["hasNextPage"]


async def test_entries_are_found_by_actor_action_subject_and_time(services: Services, owner: Context, clock: DrivenClock) -> None:
    admin = await new_user(services, owner.caller.account_id, Role.ADMIN)
    await update_account(owner, {"name": "Acme"})
    clock.pass_(hours=1)
    await update_account(admin, {"name": "Muster"})
    await create_custom_field(admin, key="plan", label="Plan", type=FieldType.TEXT)
    admin_id = own_id(admin)

    async def found(**where: Any) -> list[str]:
        return [entry["action"] for entry in (await ask(owner, LOG, where=where))["auditLog"]["nodes"]]

    assert await found() == ["CUSTOM_FIELD_CREATED", "ACCOUNT_UPDATED", "ACCOUNT_UPDATED"]
    assert await found(actorId=admin_id) == ["CUSTOM_FIELD_CREATED", "ACCOUNT_UPDATED"]
    assert await found(actions=["ACCOUNT_UPDATED"]) == ["ACCOUNT_UPDATED", "ACCOUNT_UPDATED"]
    assert await found(actions=[]) == []
    assert await found(subjectId="plan", actorId=None) == ["CUSTOM_FIELD_CREATED"]
    assert await found(subjectId=to_global_id("Account", owner.caller.account_id), actorId=admin_id) == ["ACCOUNT_UPDATED"]
    assert await found(since=text(clock())) == ["CUSTOM_FIELD_CREATED", "ACCOUNT_UPDATED"]
    assert await found(until=text(clock())) == ["ACCOUNT_UPDATED"]
    for wrong in ({"actorId": "nonsense"}, {"subjectId": "a\0"}):
        assert (await answer(owner, LOG, {"where": wrong}))["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def text(moment: datetime) -> str:
    return moment.isoformat()


async def test_the_log_is_no_way_around_a_groups_permission(services: Services, owner: Context) -> None:
    admin, editor = [await new_user(services, owner.caller.account_id, role) for role in (Role.ADMIN, Role.EDITOR)]
    private = {"view": {"only_owner": True}, "edit": {"only_owner": True}}
    group = await create_group(editor, name="Secret", criteria=EVERYBODY, permission=private)
    await update_group(editor, group_id=group_id(group), changes={"name": "Hidden"})
    for context in (owner, admin):
        seen = await log(context, subject_id=group_id(group))
        assert [entry.action for entry in seen] == [AuditAction.GROUP_CREATED, AuditAction.GROUP_UPDATED]
        assert [value for entry in seen for value in said(entry) if value is not None] == []
    opened = {"view": {"roles": ["ADMIN"]}}
    await update_group(editor, group_id=group_id(group), changes={"name": "Open", "permission": opened})
    (*_, renamed, permitted) = await log(admin, subject_id=group_id(group))
    assert said(renamed) == [None, None, None]
    assert (permitted.subject_name, permitted.after) == ("Hidden", {"view": {"roles": ["ADMIN"]}})
    assert (await log(owner, subject_id=group_id(group)))[-1].after is None


def said(entry: AuditEntry) -> list[Any]:
    """What an entry says of its subject."""
    return [entry.subject_name, entry.before, entry.after]


async def test_what_is_older_than_it_is_kept_is_forgotten(services: Services, owner: Context, clock: DrivenClock) -> None:
    await update_account(owner, {"name": "Acme"})
    clock.pass_(days=1)
    await update_account(owner, {"name": "Muster"})
    await prune(services.database, before=clock() - timedelta(hours=1))
    assert (await only(owner)).after == {"name": "Muster"}


async def test_a_subject_is_one_users_and_an_owners_is_for_owners(services: Services, owner: Context) -> None:
    admin = await new_user(services, owner.caller.account_id, Role.ADMIN)
    await update_user(owner, user_id=own_id(owner), changes={"subject": "ann"})
    for change in ("eve", ""):
        with pytest.raises(Forbidden):
            await update_user(admin, user_id=own_id(owner), changes={"subject": change})
    with pytest.raises(Refused):
        await update_user(admin, user_id=own_id(admin), changes={"subject": "ann"})
    with pytest.raises(Refused):
        await create_user(admin, name="Eve", email="eve@example.org", role=Role.VIEWER, subject="ann")
    other = await new_account(services)
    assert (await create_user(other, name="Ann", email="ann@example.org", role=Role.VIEWER, subject="ann")).subject == "ann"
