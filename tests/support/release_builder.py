"""Makes the file of this release's data: accounts with rows in every table, made through the API at a driven clock.

Run `python -m tests.support.release_builder VERSION` at the commit of a release, and commit the file. It is never made again: its purpose
is to hold what that release wrote. Tokens, epochs and marks are random, so two runs differ in them.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from graphlib import TopologicalSorter
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from app.provisioning.accounts import NewAccount, create_account
from app.provisioning.tokens import create_token
from models.engine.database import Database, open_database
from models.engine.migrate import known_migrations, migrate
from resolvers.access.sign_in import authenticate
from resolvers.bulk.work import work
from resolvers.maintenance.clock import step
from resolvers.operation.context import Context, Services
from tests.support.clock import DrivenClock
from tests.support.graphql import ask
from tests.support.releases import FOLDER, Release, client_of
from tests.support.services import running_services

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'tortoise_migrations'"
COLUMNS = "SELECT name FROM pragma_table_info(:table) ORDER BY cid"
REFERENCES = 'SELECT DISTINCT "table" AS target FROM pragma_foreign_key_list(:table)'
BOOLEANS = {("custom_values", "boolean")}  # SQLite has no such type
LAST_IDS = "SELECT name, seq FROM sqlite_sequence ORDER BY name"

FIELDS: Mapping[str, Any] = {"notes": "LONG_TEXT", "points": "NUMBER", "renews": "DATE", "called": "DATE_TIME", "agreed": "CHECKBOX"}
CHOICES = {"plan": ("DROPDOWN", ["Gold", "Silver"]), "topics": ("LIST", ["art", "law"])}
VALUES: Mapping[str, Any] = {
    **{"notes": "Met at the fair.\nCalls back.", "points": "12.5", "renews": "2026-05-01", "called": "2026-02-01T08:30:00Z"},
    **{"agreed": True, "plan": "Gold", "topics": ["law", "art"]},
}
PERSON = {
    **{"email": "Renée@Example.com", "firstName": "Renée", "lastName": "Gleason", "phone": "+1 604 555 0123", "company": "Straße & Co"},
    **{"jobTitle": "Baker", "address": "1 Main Street", "city": "Vancouver", "state": "BC", "country": "Canada", "postalCode": "V5K 0A1"},
    **{"timezone": "America/Vancouver", "website": "https://example.com/a", "source": "Fair", "status": "Active", "score": 7},
    **{"spent": "19.99", "birthday": "1988-02-29", "lastActivityAt": "2026-02-20T10:00:00Z", "customFields": VALUES},
}
CLIENTS = {"contacts": {"tags": {"containsAny": [{"name": "Client"}]}}}
CANADIANS = {"contacts": {"country": {"equals": ["Canada"]}}}
DELETE = "mutation ($id: ID!) {{ delete{kind}(id: $id) {{ deletedId }} }}"


async def mutate(context: Context, name: str, returned: str, type_: str = "", /, **given: Any) -> Any:
    """Run a mutation that takes an input and must be accepted, and return its result."""
    type_ = type_ or f"{name[0].upper()}{name[1:]}Input"
    document = f"mutation ($given: {type_}!) {{ {name}(input: $given) {{ {returned} userErrors {{ message path }} }} }}"
    found = (await ask(context, document, given=given))[name]
    assert found["userErrors"] == [], found
    return found


async def create(context: Context, kind: str, /, **given: Any) -> str:
    """Create something of a kind, and return its id."""
    noun = f"{kind[0].lower()}{kind[1:]}"
    return str((await mutate(context, f"create{kind}", f"{noun} {{ id }}", **given))[noun]["id"])


async def create_settings(context: Context) -> tuple[str, str]:
    """Create users, custom fields and tags. Returns the id of a viewer and the secret of the viewer's token."""
    await create(context, "User", name="Adam", email="adam@example.com", role="ADMIN", subject="adam@provider")
    viewer = await create(context, "User", name="Vera", email="vera@example.com", role="VIEWER")
    token: dict[str, Any] = {"name": "Reports", "userId": viewer, "expiresAt": "2030-01-01T00:00:00Z", "scopes": ["READ"]}
    for key, type_ in FIELDS.items():
        await mutate(context, "createCustomField", "field { key }", key=key, label=key.title(), type=type_)
    for key, (type_, choices) in CHOICES.items():
        await mutate(context, "createCustomField", "field { key }", key=key, label=key.title(), type=type_, choices=choices)
    await create(context, "Tag", name="Client", description="Buys from us", color="#00aa55")
    return viewer, (await mutate(context, "createAccessToken", "secret", **token))["secret"]


async def create_groups(context: Context, viewer: str) -> dict[str, str]:
    """Create groups of both record types: plain, nested, and changing with time. Returns their ids by name."""
    rights = {"view": {"users": [viewer]}, "edit": {"onlyOwner": True}}
    groups = {"Clients": await create(context, "Group", name="Clients", criteria=CLIENTS)}
    groups["Canadians"] = await create(context, "Group", name="Canadians", criteria=CANADIANS, permission=rights)
    nested = {"all": [{"group": {"memberOfAll": [groups["Clients"]]}}, {"group": {"memberOfNone": [groups["Canadians"]]}}]}
    criteria: dict[str, Any] = {
        "Clients abroad": {"contacts": nested},
        "Gold": {"contacts": {"custom": {"key": "plan", "choice": {"containsAny": ["Gold"]}}}},
        "Recently active": {"contacts": {"lastActivityAt": {"withinLast": {"days": 30}}}},
        "Upcoming": {"appointments": {"startsAt": {"onOrAfter": {"now": {}}}}},
        **{"Deleted": CLIENTS, "Edited": CLIENTS},
    }
    return groups | {name: await create(context, "Group", name=name, criteria=each) for name, each in criteria.items()}


async def create_records(context: Context) -> list[str]:
    """Create contacts with tags, custom values and appointments, and delete the last. Returns the ids of the others."""
    owner = (await ask(context, "{ viewer { user { id } } }"))["viewer"]["user"]["id"]
    contacts = [await create(context, "Contact", fields={**PERSON, "ownerId": owner}, tags=[{"name": "Client"}])]
    for number, country in enumerate(["Canada", "Peru", "Peru"]):
        contacts.append(await create(context, "Contact", fields={"email": f"c{number}@example.com", "country": country}))
    await mutate(context, "addTags", "changed", "TagContactsInput", contactIds=contacts[2:3], tags=[{"name": "Client"}])
    for title, month in (("Soon", "2026-03"), ("Later", "2026-05")):
        times = {"startsAt": f"{month}-03T09:00:00Z", "endsAt": f"{month}-03T10:00:00Z"}
        await create(context, "Appointment", contactId=contacts[0], title=title, location="Office", **times)
    await ask(context, DELETE.format(kind="Contact"), id=contacts.pop())
    return contacts


async def run_bulk_actions(context: Context, contacts: list[str]) -> None:
    """Start bulk actions: one is completed, one undone, one fails for want of its tag, and one is not begun."""

    async def start(**given: Any) -> str:
        target = {"contactIds": contacts}
        return str((await mutate(context, "startBulkAction", "bulkAction { id }", target=target, **given))["bulkAction"]["id"])

    await start(change={"tags": {"add": [{"name": "Client"}]}}, idempotencyKey="first")
    await work(context.services)
    undone = await start(change={"fields": {"city": "Lima", "customFields": {"points": "3"}}})
    await work(context.services)
    await ask(context, "mutation ($id: ID!) { undoBulkAction(id: $id) { bulkAction { id } } }", id=undone)
    lost = await create(context, "Tag", name="Lost")
    await start(change={"tags": {"add": [{"id": lost}]}})
    await ask(context, DELETE.format(kind="Tag"), id=lost)
    await work(context.services)
    await start(change={"fields": {"status": "Checked"}})


async def populate(services: Services, clock: DrivenClock) -> dict[str, Any]:
    """Fill two accounts. Returns the secrets of two tokens, and a cursor of the group Clients before its last change."""
    await create_account(services, NewAccount("Neighbours", "nina@example.com"))
    secret = await create_token(await create_account(services, NewAccount("Bakery", "olga@example.com", "America/Vancouver")), "Owner")
    context = await authenticate(services, f"Bearer {secret}")
    viewer, secret_of_viewer = await create_settings(context)
    groups = await create_groups(context, viewer)
    clock.pass_(minutes=5)
    contacts = await create_records(context)
    found = await ask(context, "query ($id: ID!) { group(id: $id) { cursor } }", id=groups["Clients"])
    clock.pass_(days=2)
    await step(services)
    await run_bulk_actions(context, contacts)
    await ask(context, DELETE.format(kind="Group"), id=groups["Deleted"])
    large = Context(replace(services, evaluated_at_once=0), context.caller, context.scope)  # so that the edit is not applied at once
    await mutate(large, "updateGroup", "group { id }", id=groups["Edited"], criteria=CANADIANS)
    return {"secrets": {"owner": secret, "viewer": secret_of_viewer}, "cursor_of_clients": found["group"]["cursor"]}


async def dumped(database: Database) -> dict[str, Any]:
    """All rows of all tables, each table after those that it refers to, and the last id that each has given out."""
    names = [row["name"] for row in await database.rows(TABLES)]
    references = {name: {row["target"] for row in await database.rows(REFERENCES, table=name)} for name in names}
    tables = {name: await _rows(database, name) for name in TopologicalSorter(references).static_order()}
    return {"last_ids": {row["name"]: row["seq"] for row in await database.rows(LAST_IDS) if row["name"] in names}, "tables": tables}


async def _rows(database: Database, table: str) -> dict[str, Any]:
    columns = [row["name"] for row in await database.rows(COLUMNS, table=table)]
    rows = await database.rows(f'SELECT * FROM "{table}" ORDER BY id')
    return {"columns": columns, "rows": [[_written(row[name], (table, name)) for name in columns] for row in rows]}


def _written(value: Any, column: tuple[str, str]) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return bool(value) if column in BOOLEANS and value is not None else value


def laid_out(value: Any) -> str:
    """JSON with a line for each entry of a list of lists or objects, such as a row."""
    if isinstance(value, dict) and any(isinstance(each, dict | list) for each in value.values()):
        return "{\n" + ",\n".join(f"{laid_out(key)}: {laid_out(each)}" for key, each in value.items()) + "\n}"
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return "[\n" + ",\n".join(orjson.dumps(each).decode() for each in value) + "\n]"
    return orjson.dumps(value).decode()


async def built(version: str) -> Release:
    """The contents of the file of this program's data."""
    clock = DrivenClock()
    with TemporaryDirectory() as directory:
        async with open_database(f"sqlite:///{directory}/muster.db") as database:
            await migrate(database)
            async with running_services(database, clock) as services:
                known = {"release": version, "migrations": known_migrations(), **await populate(services, clock)}
                async with client_of(services, known["secrets"]["owner"]) as client:
                    return {**known, "answer": await client.read_everything(), **await dumped(database)}


if __name__ == "__main__":
    path = FOLDER / f"{sys.argv[1]}.json"
    path.write_text(laid_out(asyncio.run(built(sys.argv[1]))) + "\n")
