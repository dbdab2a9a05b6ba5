"""Access tokens that somebody creates for another user: they see and edit only what both may, and everybody can see who created them."""

from typing import Any

import pytest

from models import Role, User
from models.errors import Forbidden, NotFound, Unauthenticated
from models.ids import to_global_id
from models.people import Person
from resolvers.access.sign_in import Lapse, authenticate, lapsed
from resolvers.access.tokens import access_tokens, create_access_token
from resolvers.access.users import update_user
from resolvers.grouping.groups import create_group, update_group
from resolvers.grouping.permissions import viewer_can_edit
from resolvers.grouping.watching import group_changes
from resolvers.operation.context import Context, Services
from subscriptions.messages import Heartbeat
from tests.support.callers import user_id, with_role
from tests.support.graphql import ask

EVERYBODY: dict[str, Any] = {"contacts": {"email": {"isEmpty": True}}}
LOG = "{ auditLog(first: 1) { nodes { action actor { id } accessTokenId accessTokenCreatedBy { id } } } }"
TOKENS = "{ accessTokens { user { id } createdBy { id } } }"


@pytest.fixture
async def admin(owner: Context) -> Context:
    return await with_role(owner, Role.ADMIN)


@pytest.fixture
async def editor(owner: Context) -> Context:
    return await with_role(owner, Role.EDITOR)


async def signed_in(services: Services, creator: Context, user: Context) -> Context:
    """A sign-in with a token that one user has created for another."""
    _, secret = await create_access_token(creator, name="Script", user_id=user_id(user))
    return await authenticate(services, f"Bearer {secret}")


async def names(context: Context) -> set[str]:
    context.forget()
    return {group.name for group in await context.scope.groups}


async def test_a_token_sees_and_edits_the_groups_that_both_may(services: Services, admin: Context, editor: Context) -> None:
    permissions: dict[str, tuple[Context, dict[str, Any]]] = {
        "everyone's": (editor, {}),
        "the editor's": (editor, {"view": {"only_owner": True}}),
        "the admin's": (admin, {"view": {"only_owner": True}}),
        "admins'": (admin, {"view": {"roles": [Role.ADMIN]}}),
        "both roles'": (admin, {"view": {"roles": [Role.ADMIN, Role.EDITOR]}}),
        "the editor's, for the admin": (editor, {"view": {"users": [user_id(admin)]}, "edit": {"only_owner": True}}),
    }
    for name, (context, permission) in permissions.items():
        await create_group(context, name=name, criteria=EVERYBODY, permission=permission)
    both = await signed_in(services, admin, editor)
    assert await names(both) == {"everyone's", "both roles'", "the editor's, for the admin"}
    shown = {group.name: viewer_can_edit(both, group) for group in await both.scope.groups}
    assert shown == {"everyone's": True, "both roles'": True, "the editor's, for the admin": False}
    hidden = await editor.scope.all_groups.get(name="the editor's")
    with pytest.raises(NotFound):
        await update_group(both, group_id=to_global_id("Group", hidden.id), changes={"name": "Mine"})
    with pytest.raises(NotFound):
        await anext(aiter(group_changes(both, to_global_id("Group", hidden.id), None)))
    shared = await editor.scope.groups.get(name="everyone's")
    stream = aiter(group_changes(both, to_global_id("Group", shared.id), None))
    assert isinstance(await anext(stream), Heartbeat)
    assert await names(await signed_in(services, editor, editor)) == await names(editor)


async def test_a_token_has_the_lower_of_the_two_roles_as_they_are_today(services: Services, owner: Context, admin: Context) -> None:
    other = await with_role(owner, Role.ADMIN)
    _, secret = await create_access_token(admin, name="Script", user_id=user_id(other))
    caller = (await authenticate(services, f"Bearer {secret}")).caller
    assert (caller.role, caller.people) == (
        Role.ADMIN,
        (Person(other.caller.user_id, Role.ADMIN), Person(admin.caller.user_id, Role.ADMIN)),
    )
    assert await lapsed(services, {caller}) == {}
    await update_user(owner, user_id=user_id(admin), changes={"role": Role.VIEWER})
    assert await lapsed(services, {caller}) == {caller: Lapse.CHANGED}
    narrowed = await authenticate(services, f"Bearer {secret}")
    assert (narrowed.caller.role, narrowed.caller.user_id) == (Role.VIEWER, other.caller.user_id)
    with pytest.raises(Forbidden):
        await create_group(narrowed, name="Mine", criteria=EVERYBODY)


async def test_a_token_ends_with_the_user_who_created_it(services: Services, admin: Context, editor: Context) -> None:
    _, secret = await create_access_token(admin, name="Script", user_id=user_id(editor))
    caller = (await authenticate(services, f"Bearer {secret}")).caller
    await User.filter(id=admin.caller.user_id).delete()
    assert await lapsed(services, {caller}) == {caller: Lapse.OVER}
    with pytest.raises(Unauthenticated):
        await authenticate(services, f"Bearer {secret}")


async def test_tokens_that_a_token_creates_have_its_creator(services: Services, owner: Context, admin: Context) -> None:
    other = await with_role(owner, Role.ADMIN)
    both = await signed_in(services, admin, other)
    token, secret = await create_access_token(both, name="Second")
    assert (token.user_id, token.created_by_id) == (other.caller.user_id, admin.caller.user_id)
    assert (await authenticate(services, f"Bearer {secret}")).caller.people == both.caller.people
    with pytest.raises(Forbidden, match="Another user created your access token"):
        await create_access_token(both, name="Third", user_id=user_id(owner if owner.caller.role is Role.ADMIN else admin))


async def test_a_token_lists_the_tokens_that_both_may_see(services: Services, owner: Context, admin: Context, editor: Context) -> None:
    both = await signed_in(services, admin, editor)
    await create_access_token(owner, name="Owner's")
    assert [token.user_id for token in await access_tokens(both)] == [editor.caller.user_id]
    found = (await ask(admin, TOKENS))["accessTokens"]
    assert {"user": {"id": user_id(editor)}, "createdBy": {"id": user_id(admin)}} in found
    assert {"user": {"id": user_id(owner)}, "createdBy": {"id": user_id(owner)}} in found


async def test_the_audit_log_shows_the_token_and_who_created_it(services: Services, admin: Context, editor: Context) -> None:
    both = await signed_in(services, admin, editor)
    await create_group(both, name="Clients", criteria=EVERYBODY)
    (entry,) = (await ask(admin, LOG))["auditLog"]["nodes"]
    assert entry == {
        "action": "GROUP_CREATED",
        "actor": {"id": user_id(editor)},
        "accessTokenId": to_global_id("AccessToken", both.caller.token_id),
        "accessTokenCreatedBy": {"id": user_id(admin)},
    }
    await create_group(editor, name="Own", criteria=EVERYBODY)
    (entry,) = (await ask(admin, LOG))["auditLog"]["nodes"]
    assert entry["accessTokenCreatedBy"] is None


async def test_the_subject_of_a_user_is_for_that_user_and_for_admins(owner: Context, admin: Context, editor: Context) -> None:
    await update_user(owner, user_id=user_id(editor), changes={"subject": "auth0|7"})
    viewer = await with_role(owner, Role.VIEWER)
    seen = [
        {user["id"]: user["subject"] for user in (await ask(context, "{ users { id subject } }"))["users"]}[user_id(editor)]
        for context in (owner, admin, editor, viewer)
    ]
    assert seen == ["auth0|7", "auth0|7", "auth0|7", None]
