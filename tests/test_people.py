"""Users, access tokens and the account."""

import asyncio
from datetime import timedelta, timezone

import pytest

from models import Role, User
from models.errors import Forbidden, NotFound, ProblemCode, Refused
from models.ids import to_global_id
from resolvers.access.accounts import update_account
from resolvers.access.tokens import access_tokens, create_access_token, revoke_access_token
from resolvers.access.users import create_user, update_user, users
from resolvers.operation.context import Context, Services
from tests.support.callers import new_account, token_id, user_id, with_role
from tests.support.clock import DrivenClock
from tests.support.problems import problems

# ---------------------------------------------------------------- users


async def test_an_admin_adds_people_and_everybody_sees_them(owner: Context) -> None:
    admin, viewer = await with_role(owner, Role.ADMIN), await with_role(owner, Role.VIEWER)
    created = await create_user(admin, name="Zoë", email=" Zoe@Example.org ", role=Role.EDITOR)
    assert (created.name, created.email, created.role) == ("Zoë", "Zoe@Example.org", Role.EDITOR)
    assert created.id in [user.id for user in await users(viewer)]


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
async def test_below_admin_nobody_manages_people_or_the_account(owner: Context, role: Role) -> None:
    caller = await with_role(owner, role)
    with pytest.raises(Forbidden):
        await create_user(caller, name="Zoë", email="zoe@example.org", role=Role.VIEWER)
    with pytest.raises(Forbidden):
        await update_user(caller, user_id=user_id(caller), changes={"name": "Zoë"})
    with pytest.raises(Forbidden):
        await update_account(caller, {"name": "Mine"})


async def test_all_that_is_wrong_with_a_new_user_is_said_at_once(owner: Context) -> None:
    with pytest.raises(Refused) as raised:
        await create_user(owner, name=" ", email="nobody", role=Role.VIEWER)
    assert problems(raised) == [(ProblemCode.BLANK, ("input", "name")), (ProblemCode.INVALID, ("input", "email"))]


async def test_an_address_is_taken_whatever_its_case(owner: Context) -> None:
    await create_user(owner, name="Zoë", email="straße@example.org", role=Role.VIEWER)
    with pytest.raises(Refused) as raised:
        await create_user(owner, name="Zoë", email="STRASSE@example.org", role=Role.VIEWER)
    assert problems(raised) == [(ProblemCode.TAKEN, ("input", "email"))]


async def test_an_address_of_another_account_is_free(services: Services, owner: Context) -> None:
    await create_user(owner, name="Zoë", email="zoe@example.org", role=Role.VIEWER)
    created = await create_user(await new_account(services), name="Zoë", email="zoe@example.org", role=Role.VIEWER)
    assert created.account_id != owner.caller.account_id


async def test_only_an_owner_makes_and_unmakes_owners(owner: Context) -> None:
    admin, editor = await with_role(owner, Role.ADMIN), await with_role(owner, Role.EDITOR)
    with pytest.raises(Forbidden):
        await create_user(admin, name="Zoë", email="zoe@example.org", role=Role.OWNER)
    with pytest.raises(Forbidden):
        await update_user(admin, user_id=user_id(editor), changes={"role": Role.OWNER})
    with pytest.raises(Forbidden):
        await update_user(admin, user_id=user_id(owner), changes={"role": Role.VIEWER})
    assert (await update_user(owner, user_id=user_id(editor), changes={"role": Role.OWNER})).role is Role.OWNER
    assert (await update_user(owner, user_id=user_id(editor), changes={"role": Role.VIEWER})).role is Role.VIEWER


async def test_the_last_owner_stays(owner: Context) -> None:
    with pytest.raises(Refused) as raised:
        await update_user(owner, user_id=user_id(owner), changes={"role": Role.ADMIN})
    assert problems(raised) == [(ProblemCode.CONFLICT, ("role",))]
    assert (await User.get(id=owner.caller.user_id)).role is Role.OWNER


async def test_two_owners_who_step_down_at_once_leave_one(owner: Context) -> None:
    other = await with_role(owner, Role.OWNER)
    async with asyncio.timeout(30):
        steps = [update_user(caller, user_id=user_id(caller), changes={"role": Role.ADMIN}) for caller in (owner, other)]
        outcomes = await asyncio.gather(*steps, return_exceptions=True)
    assert [isinstance(outcome, Refused) for outcome in outcomes].count(True) == 1
    assert await User.filter(account_id=owner.caller.account_id, role=Role.OWNER).count() == 1


async def test_an_address_that_two_admins_give_at_once_is_taken_once(owner: Context) -> None:
    other = await with_role(owner, Role.ADMIN)
    async with asyncio.timeout(30):
        creations = [create_user(caller, name="Zoë", email="zoe@example.org", role=Role.VIEWER) for caller in (owner, other)]
        outcomes = await asyncio.gather(*creations, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [problem.code for refusal in refused for problem in refusal.problems] == [ProblemCode.TAKEN]


async def test_nulls_leave_a_user_as_they_are(owner: Context) -> None:
    before = await User.get(id=owner.caller.user_id)
    after = await update_user(owner, user_id=user_id(owner), changes={"name": None, "role": None})
    assert (after.name, after.role) == (before.name, before.role)


async def test_a_user_of_another_account_does_not_exist(services: Services, owner: Context) -> None:
    stranger = await new_account(services)
    for unknown in (user_id(stranger), to_global_id("User", 2**62), to_global_id("Tag", owner.caller.user_id)):
        with pytest.raises(NotFound):
            await update_user(owner, user_id=unknown, changes={"name": "Zoë"})


# ---------------------------------------------------------------- access tokens


async def test_everybody_lists_their_own_tokens_and_admins_all_of_the_account(services: Services, owner: Context) -> None:
    callers = [owner, await with_role(owner, Role.ADMIN), await with_role(owner, Role.VIEWER)]
    await create_access_token(await new_account(services), name="Foreign")
    tokens = [(await create_access_token(caller, name=caller.caller.role))[0].id for caller in callers]
    seen = [[token.id for token in await access_tokens(caller)] for caller in callers]
    assert seen == [tokens, tokens, tokens[2:]]


async def test_a_token_for_somebody_else_needs_an_admin_who_ranks_as_high(owner: Context) -> None:
    admin, editor, viewer = [await with_role(owner, role) for role in (Role.ADMIN, Role.EDITOR, Role.VIEWER)]
    token, _ = await create_access_token(admin, name="Script", user_id=user_id(editor))
    assert token.user_id == editor.caller.user_id
    for caller, user in ((editor, viewer), (viewer, editor), (admin, owner)):
        with pytest.raises(Forbidden):
            await create_access_token(caller, name="Script", user_id=user_id(user))


async def test_a_token_is_revoked_by_its_user_or_by_an_admin_who_ranks_as_high(owner: Context) -> None:
    admin, editor, viewer = [await with_role(owner, role) for role in (Role.ADMIN, Role.EDITOR, Role.VIEWER)]
    of_owner, of_editor = [(await create_access_token(caller, name="Script"))[0] for caller in (owner, editor)]
    with pytest.raises(NotFound):
        await revoke_access_token(viewer, token_id(of_editor))
    with pytest.raises(Forbidden):
        await revoke_access_token(admin, token_id(of_owner))
    await revoke_access_token(admin, token_id(of_editor))
    await revoke_access_token(owner, token_id(of_owner))
    assert await access_tokens(owner) == []


async def test_a_new_token_has_a_name_and_a_future(owner: Context, clock: DrivenClock) -> None:
    elsewhere = clock().astimezone(timezone(timedelta(hours=14)))
    with pytest.raises(Refused) as raised:
        await create_access_token(owner, name="", expires_at=elsewhere)
    assert problems(raised) == [(ProblemCode.BLANK, ("input", "name")), (ProblemCode.INVALID, ("input", "expiresAt"))]
    with pytest.raises(Refused) as raised:
        await create_access_token(owner, name="x" * 101)
    assert problems(raised) == [(ProblemCode.TOO_LONG, ("input", "name"))]
    token, _ = await create_access_token(owner, name="Script", expires_at=elsewhere + timedelta(microseconds=1))
    assert token.expires_at == clock() + timedelta(microseconds=1)


async def test_tokens_and_users_of_another_account_do_not_exist(services: Services, owner: Context) -> None:
    stranger = await new_account(services)
    token, _ = await create_access_token(stranger, name="Foreign")
    with pytest.raises(NotFound):
        await revoke_access_token(owner, token_id(token))
    with pytest.raises(NotFound):
        await create_access_token(owner, name="Script", user_id=user_id(stranger))


# ---------------------------------------------------------------- the account


async def test_the_account_takes_a_name_and_a_time_zone(owner: Context) -> None:
    changed = await update_account(owner, {"name": "Muster & Co", "timezone": "Europe/Berlin"})
    assert (changed.name, changed.timezone) == ("Muster & Co", "Europe/Berlin")
    assert (await update_account(owner, {"name": None, "timezone": None})).timezone == "Europe/Berlin"


async def test_a_name_that_is_blank_and_a_zone_that_is_none_are_refused_together(owner: Context) -> None:
    with pytest.raises(Refused) as raised:
        await update_account(owner, {"name": "", "timezone": "Europe/Atlantis"})
    assert problems(raised) == [(ProblemCode.BLANK, ("input", "name")), (ProblemCode.INVALID, ("input", "timezone"))]


async def test_a_new_time_zone_is_a_new_definition_of_every_day(owner: Context) -> None:
    async def version() -> int:
        return int((await owner.scope.account.get()).definitions_version)

    before = await version()
    await update_account(owner, {"name": "Muster"})
    assert await version() == before
    await update_account(owner, {"timezone": "Europe/Berlin"})
    assert await version() > before
