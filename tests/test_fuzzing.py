"""A real server under operations that a machine thinks up: none fails on the server's side, and none shows its inside."""

import asyncio
from decimal import Decimal
from typing import Any

import schemathesis
from graphql import ValueNode, introspection_from_schema, parse_value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import Session
from schemathesis.checks import not_a_server_error
from schemathesis.graphql import nodes
from schemathesis.specs.graphql.schemas import GraphQLSchema
from schemathesis.specs.graphql.validation import CLIENT_ERROR_MARKERS

from models.ids import to_global_id
from schema.strawberry_adapter import graphql_schema
from tests.support.effort import examples
from tests.support.graphql import schema as our_schema
from tests.support.leaks import traces_in
from tests.support.processes import new_token, serving

CASES = 80  # in every run of the suite; 25 times as many in `make prove`
ANSWERED = {200, 400}
REFUSED = {"NOT_FOUND", "FORBIDDEN", "CONFLICT"}  # codes of ours that the tool takes for failures of the server, as it does not know them

json_texts = st.recursive(
    st.sampled_from(["null", "true", "1", "-1.5", '"plan"', "10000000000000000000000"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.dictionaries(st.sampled_from(["plan", "contacts", "email", "_"]), inner, max_size=3).map(
            lambda parts: f"{{{', '.join(f'{name}: {part}' for name, part in parts.items())}}}"
        )
    ),
    max_leaves=5,
)
KINDS = ("Account", "Appointment", "BulkAction", "Contact", "Group", "Tag")
OWN = ("AccessToken", "User")  # of which the first is the caller's own: without it nothing more would be answered
SCALARS: dict[str, st.SearchStrategy[ValueNode]] = {
    "ID": (
        st.builds(to_global_id, st.sampled_from(KINDS), st.integers(1, 3))
        | st.builds(to_global_id, st.sampled_from(OWN), st.integers(2, 4))
        | st.text(max_size=20)
    ).map(nodes.String),
    "DateTime": st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()).map(nodes.String),
    "Date": st.dates().map(str).map(nodes.String),
    "Decimal": st.decimals(-(10**14), 10**14, places=4).map(lambda number: f"{Decimal(number):f}").map(nodes.String),
    "JSON": json_texts.map(parse_value),
    "Criteria": json_texts.map(parse_value),
}


def fuzzed(url: str, token: str) -> GraphQLSchema:
    """The operations of our schema, to be sent to a server."""
    for name, strategy in SCALARS.items():
        schemathesis.graphql.scalar(name, strategy)
    loaded = schemathesis.graphql.from_dict(dict(introspection_from_schema(graphql_schema(our_schema()))))
    loaded.config.update(base_url=url, headers={"Authorization": f"Bearer {token}"})
    return loaded


def fuzz(url: str, token: str, cases: int) -> None:
    """Send so many operations. Raises on the first answer that is a fault of the server."""
    session = Session()
    session.trust_env = False

    @settings(max_examples=cases, deadline=None, derandomize=cases == CASES, suppress_health_check=list(HealthCheck), database=None)
    @given(fuzzed(url, token).as_strategy())
    def answers(case: schemathesis.Case[Any]) -> None:
        response = case.call(session=session)
        assert response.status_code in ANSWERED, response.text
        codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
        if not codes & REFUSED:
            case.validate_response(response, checks=[not_a_server_error])
        assert codes <= REFUSED | CLIENT_ERROR_MARKERS, response.text
        assert traces_in(response.text) == []

    answers()


async def test_no_operation_that_a_machine_thinks_up_fails_or_shows_what_is_inside(url: str) -> None:
    token = await new_token(url, "Acme")
    async with serving(url, rate_limit_points="0", rate_limit_requests="0") as server:
        await asyncio.to_thread(fuzz, server.url, token, examples(CASES))
