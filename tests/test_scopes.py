"""What access tokens may be used for: less than their users may do, never more."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Role, TokenScope
from models.errors import ProblemCode, Refused
from models.ids import to_global_id
from models.people import EVERY_SCOPE, SCOPES_BY_ROLE, Scopes, scopes_read, scopes_written
from resolvers.access.sign_in import authenticate, context_of
from resolvers.access.tokens import create_access_token, scopes_of
from resolvers.access.users import update_user
from resolvers.operation.context import Context, Services
from schema.mutation import Mutation
from schema.scopes import RequiresScope
from schema.strawberry_adapter import graphql_schema
from tests.support.callers import new_user
from tests.support.graphql import answer, schema
from tests.support.schema_walk import Guide, roots, variables

READ, WRITE, ADMIN = TokenScope.READ, TokenScope.WRITE, TokenScope.ADMIN
ADMINISTRATION = {"updateAccount", "createUser", "updateUser", "createAccessToken", "revokeAccessToken"}
KINDS = ("Account", "User", "Tag", "AccessToken", "Contact", "Group", "Appointment", "BulkAction")


def limited(context: Context, *scopes: TokenScope) -> Context:
    """The same caller, signed in with a token of these scopes."""
    return context_of(context.services, replace(context.caller, scopes=frozenset(scopes)))


async def granted(services: Services, secret: str) -> Scopes:
    return (await authenticate(services, f"Bearer {secret}")).caller.scopes


# ---------------------------------------------------------------- laws


@given(st.frozensets(st.sampled_from(TokenScope)))
def test_scopes_are_read_as_they_were_written(scopes: Scopes) -> None:
    assert scopes_read(scopes_written(scopes)) == scopes


@pytest.mark.parametrize("role", Role)
async def test_a_token_allows_what_its_scopes_and_its_users_role_of_today_both_allow(
    services: Services, owner: Context, role: Role
) -> None:
    user = await new_user(services, owner.caller.account_id, Role.OWNER)
    made = {
        frozenset({READ, *more}): (await create_access_token(user, name="x", scopes=[READ, *more]))[1] for more in ((), (WRITE,), (ADMIN,))
    }
    await update_user(owner, user_id=to_global_id("User", user.caller.user_id), changes={"role": role})
    for scopes, secret in made.items():
        assert await granted(services, secret) == scopes & SCOPES_BY_ROLE[role]
        assert await granted(services, secret) <= SCOPES_BY_ROLE[role]


def test_every_mutation_declares_the_one_scope_that_it_needs() -> None:
    fields: Any = Mutation
    needed = {
        field.python_name: [extension.scope for extension in field.extensions if isinstance(extension, RequiresScope)]
        for field in fields.__strawberry_definition__.fields
    }
    assert {len(scopes) for scopes in needed.values()} == {1}
    assert {scope for scopes in needed.values() for scope in scopes} == {WRITE, ADMIN}


async def test_without_its_scope_no_mutation_runs_whatever_the_role(owner: Context) -> None:
    guide = Guide(graphql_schema(schema()), {kind: to_global_id(kind, 2**52) for kind in KINDS})
    for kind, name, root in roots(graphql_schema(schema())):
        if kind == "mutation":
            needed, others = (ADMIN, (READ, WRITE)) if name in ADMINISTRATION else (WRITE, (READ, ADMIN))
            query = guide.operation(kind, name, root, depth=1)
            given_ = variables(query, guide.own_arguments(name, root), "")
            denied = await answer(limited(owner, *others), query, given_)
            assert [error["extensions"]["code"] for error in denied["errors"]] == ["FORBIDDEN"], name
            assert f"the scope {needed}." in denied["errors"][0]["message"], name
            allowed = await answer(limited(owner, READ, needed), query, given_)
            assert not any("scope" in error["message"] for error in allowed.get("errors", [])), name


async def test_whoever_may_only_read_may_ask_every_query(owner: Context) -> None:
    guide = Guide(graphql_schema(schema()), {kind: to_global_id(kind, 2**52) for kind in KINDS})
    for kind, name, root in roots(graphql_schema(schema())):
        if kind == "query":
            query = guide.operation(kind, name, root, depth=1)
            given_ = variables(query, guide.own_arguments(name, root), "")
            said = await answer(limited(owner, READ), query, given_)
            assert "FORBIDDEN" not in [error["extensions"]["code"] for error in said.get("errors", [])], name


# ---------------------------------------------------------------- making tokens


@pytest.mark.parametrize("role", Role)
async def test_unless_told_otherwise_a_token_allows_what_the_role_does(services: Services, owner: Context, role: Role) -> None:
    user = await new_user(services, owner.caller.account_id, role)
    token, secret = await create_access_token(owner, name="Script", user_id=to_global_id("User", user.caller.user_id))
    assert frozenset(scopes_of(token)) == await granted(services, secret) == SCOPES_BY_ROLE[role]


async def test_writing_includes_reading(services: Services, owner: Context) -> None:
    for scope in TokenScope:
        token, secret = await create_access_token(owner, name="Script", scopes=[scope, scope])
        assert await granted(services, secret) == {READ, scope}
        assert scopes_of(token)[0] is READ


async def test_a_token_is_not_made_for_more_than_its_user_or_its_maker_may_do(owner: Context) -> None:
    editor = await new_user(owner.services, owner.caller.account_id, Role.EDITOR)
    editors_id = to_global_id("User", editor.caller.user_id)
    for maker, user_id, scopes in (
        (owner, editors_id, [ADMIN]),
        (editor, None, [WRITE, ADMIN]),
        (limited(owner, READ, ADMIN), None, [WRITE]),
        (limited(owner, READ, ADMIN), editors_id, [WRITE]),
    ):
        with pytest.raises(Refused) as raised:
            await create_access_token(maker, name="Script", user_id=user_id, scopes=scopes)
        assert [(problem.code, problem.path) for problem in raised.value.problems] == [(ProblemCode.INVALID, ("input", "scopes"))]
    with pytest.raises(Refused) as raised:
        await create_access_token(owner, name="Script", scopes=[])
    assert [problem.code for problem in raised.value.problems] == [ProblemCode.BLANK]
    token, _ = await create_access_token(limited(owner, READ, ADMIN), name="Script")
    assert scopes_of(token) == [READ, ADMIN]


async def test_clients_see_what_tokens_are_for(owner: Context) -> None:
    made = await answer(
        owner, 'mutation { createAccessToken(input: {name: "Script", scopes: [WRITE]}) { accessToken { scopes } userErrors { path } } }'
    )
    assert made["data"]["createAccessToken"] == {"accessToken": {"scopes": ["READ", "WRITE"]}, "userErrors": []}
    seen = await answer(limited(owner, READ), "{ viewer { scopes } accessTokens { scopes } }")
    assert seen["data"] == {"viewer": {"scopes": ["READ"]}, "accessTokens": [{"scopes": ["READ", "WRITE"]}]}
    assert frozenset(TokenScope) == EVERY_SCOPE
