"""Signing in, what roles allow, and finding things by id."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import AccessToken, Role
from models.engine.database import Database
from models.errors import BadInput, Forbidden, NotFound, Unauthenticated
from models.ids import to_global_id
from resolvers.access.roles import ROLES, outranks, require_admin, require_editor
from resolvers.access.sign_in import Lapse, authenticate, lapsed
from resolvers.access.tokens import access_tokens, create_access_token, revoke_access_token
from resolvers.access.users import update_user
from resolvers.operation.context import Caller, Context, Services
from resolvers.records.nodes import node, nodes
from tests.support.callers import new_account, token_id, user_id, with_role
from tests.support.clock import DrivenClock

# ---------------------------------------------------------------- signing in


async def test_a_token_signs_in_its_user_with_their_role(services: Services, owner: Context) -> None:
    editor = await with_role(owner, Role.EDITOR)
    token, secret = await create_access_token(editor, name="Script")
    caller = (await authenticate(services, f"Bearer {secret}")).caller
    assert (caller.account_id, caller.user_id, caller.role) == (owner.caller.account_id, editor.caller.user_id, Role.EDITOR)
    assert caller.token_id == token.id


async def test_the_scheme_is_read_without_regard_to_case(services: Services, owner: Context) -> None:
    _, secret = await create_access_token(owner, name="Script")
    assert (await authenticate(services, f" bearer  {secret} ")).caller.user_id == owner.caller.user_id


async def test_a_role_that_changes_counts_from_the_next_request_on(services: Services, owner: Context) -> None:
    viewer = await with_role(owner, Role.VIEWER)
    _, secret = await create_access_token(viewer, name="Script")
    await update_user(owner, user_id=user_id(viewer), changes={"role": Role.EDITOR})
    assert (await authenticate(services, f"Bearer {secret}")).caller.role is Role.EDITOR


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer muster_",
        "muster_" + "a" * 43,
        "Basic " + "a" * 50,
        "Bearer muster_" + "a" * 43,
        "Bearer muster_" + "ä" * 43,
    ],
)
async def test_anything_but_a_valid_token_is_refused(services: Services, owner: Context, authorization: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await authenticate(services, authorization)


async def test_a_token_that_has_expired_signs_nobody_in(services: Services, owner: Context, clock: DrivenClock) -> None:
    _, secret = await create_access_token(owner, name="Script", expires_at=clock() + timedelta(hours=1))
    caller = await signed_in(services, secret)
    assert await lapsed(services, {caller}) == {}
    clock.pass_(hours=1)
    assert await lapsed(services, {caller}) == {caller: Lapse.OVER}
    with pytest.raises(Unauthenticated):
        await authenticate(services, f"Bearer {secret}")


async def test_a_token_that_is_revoked_signs_nobody_in(services: Services, owner: Context) -> None:
    token, secret = await create_access_token(owner, name="Script")
    caller = await signed_in(services, secret)
    kept = await signed_in(services, (await create_access_token(owner, name="Other"))[1])
    assert await revoke_access_token(owner, token_id(token)) == token_id(token)
    assert await lapsed(services, {caller, kept}) == {caller: Lapse.OVER}
    with pytest.raises(Unauthenticated):
        await authenticate(services, f"Bearer {secret}")


async def signed_in(services: Services, secret: str) -> Caller:
    return (await authenticate(services, f"Bearer {secret}")).caller


async def test_the_last_use_is_noted_at_most_once_a_minute(services: Services, owner: Context, clock: DrivenClock) -> None:
    token, secret = await create_access_token(owner, name="Script")
    noted = []
    for seconds in (0, 59, 1, 30):
        clock.pass_(seconds=seconds)
        await authenticate(services, f"Bearer {secret}")
        noted.append((await AccessToken.get(id=token.id)).last_used_at)
    assert noted[0] == noted[1] == clock.now - timedelta(seconds=90)
    assert noted[2] == noted[3] == clock.now - timedelta(seconds=30)


async def test_the_secret_is_stored_nowhere(database: Database, owner: Context) -> None:
    _, secret = await create_access_token(owner, name="Script")
    (row,) = await database.rows("SELECT * FROM access_tokens")
    assert not any(secret in str(value) for value in row.values())


# ---------------------------------------------------------------- roles


@given(st.sampled_from(Role), st.sampled_from(Role))
def test_of_two_roles_one_outranks_the_other(one: Role, other: Role) -> None:
    assert outranks(one, other) + outranks(other, one) == (one is not other)


async def test_each_role_may_do_what_the_roles_below_it_may(owner: Context) -> None:
    allowed = {
        require: {role for role in ROLES if not is_forbidden(require, await with_role(owner, role))}
        for require in (require_admin, require_editor)
    }
    assert allowed[require_admin] == {Role.OWNER, Role.ADMIN}
    assert allowed[require_editor] == {Role.OWNER, Role.ADMIN, Role.EDITOR}


def is_forbidden(require: Callable[[Context], None], context: Context) -> bool:
    try:
        require(context)
    except Forbidden:
        return True
    return False


# ---------------------------------------------------------------- anything by id


async def test_an_id_finds_what_it_names_and_nothing_of_other_accounts(services: Services, owner: Context) -> None:
    stranger = await new_account(services)
    token, _ = await create_access_token(owner, name="Script")
    own = [to_global_id("Account", owner.caller.account_id), user_id(owner), token_id(token)]
    assert [type(row).__name__ for row in await nodes(owner, own)] == ["Account", "User", "AccessToken"]
    assert await nodes(stranger, own) == [None, None, None]
    assert await node(owner, to_global_id("Nothing", 1)) is None


async def test_a_viewer_finds_no_token_of_others(owner: Context) -> None:
    token, _ = await create_access_token(owner, name="Script")
    assert await node(await with_role(owner, Role.VIEWER), token_id(token)) is None


async def test_more_ids_than_a_page_has_nodes_are_refused(owner: Context) -> None:
    with pytest.raises(BadInput, match="at most 250"):
        await nodes(owner, [user_id(owner)] * 251)


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
async def test_below_admin_nobody_sees_or_revokes_a_token_but_their_own(owner: Context, role: Role) -> None:
    other = await with_role(owner, role)
    theirs, _ = await create_access_token(owner, name="Theirs")
    own, _ = await create_access_token(other, name="Own")
    assert [token.id for token in await access_tokens(other)] == [own.id]
    assert [token.id for token in await access_tokens(owner)] == [theirs.id, own.id]
    with pytest.raises(NotFound):
        await revoke_access_token(other, token_id(theirs))
    assert await revoke_access_token(other, token_id(own)) == token_id(own)
