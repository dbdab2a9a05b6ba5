"""Random records, stored in the real database and held in memory, and random criteria about them."""

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from models import Account, Appointment, Contact, CustomField, CustomValue, FieldType, Group, GroupMember, Tag, Tagging, User
from models.engine.database import Database
from models.fields import to_day_number, to_microseconds, to_units
from models.ids import to_global_id
from models.text import fold_or_none
from resolvers.criteria.evaluation.facts import ContactFacts, OwnedFacts
from resolvers.criteria.language.names import FieldName, GroupName, Vocabulary
from resolvers.criteria.language.record_types import CONTACT, RecordTypes
from resolvers.records.appointments import APPOINTMENT
from tests.deals.models import Deal
from tests.deals.records import DEAL
from tests.support.composition import RECORD_TYPES

Record = dict[str, Any]
Document = dict[str, Any]

ZONES = [
    ZoneInfo(name)
    for name in ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia")
]
ACCOUNT = 1
OTHER_ACCOUNT = 2
TAGS = {"Client": 1, "VIP": 2, "Ärger": 3, "straße": 4, "İstanbul": 5}
GONE_TAG = 99
USERS = {1: "Ann", 2: "Bob"}
GROUPS = {1: "Gold", 2: "Silver"}
GONE_GROUP = 99
FIELDS = {
    field.key: field
    for field in (
        FieldName(1, "nickname", "Nickname", FieldType.TEXT),
        FieldName(2, "notes", "Notes", FieldType.LONG_TEXT),
        FieldName(3, "points", "Points", FieldType.NUMBER),
        FieldName(4, "since", "Since", FieldType.DATE),
        FieldName(5, "called", "Called", FieldType.DATE_TIME),
        FieldName(6, "agreed", "Agreed", FieldType.CHECKBOX),
        FieldName(7, "colour", "Colour", FieldType.DROPDOWN, ("Red", "Grün", "50%")),
        FieldName(8, "hobbies", "Hobbies", FieldType.LIST),
        FieldName(9, "site", "Site", FieldType.URL),
    )
}
GONE_FIELD = FieldName(99, "gone", "Gone", FieldType.NUMBER)
CUSTOM_COLUMNS = {
    **dict.fromkeys((FieldType.TEXT, FieldType.DROPDOWN, FieldType.LIST), "folded"),
    **dict.fromkeys((FieldType.LONG_TEXT, FieldType.URL), "long_folded"),
    FieldType.NUMBER: "number",
    FieldType.DATE: "day",
    FieldType.DATE_TIME: "instant",
    FieldType.CHECKBOX: "boolean",
}

# Pairs that folding must bring together or keep apart, and characters that mean something to SQL, to LIKE or to the ORM.
TEXTS = [
    *("Canada", "canada ", "Mexico", "Can", "ada", "ÄRGER", "ärger", "A\u0308rger", "a\u0308", "straße", "STRASSE", "ss"),
    *("İ", "i\u0307", "I", "\u0131", "ﬁ", "fi", "ς", "Σ", "😀", "\U0010ffff"),
    *("50%", "50_", "5", "%", "_", "\\", "a\\b", "a%b", "o'Brien", '"quoted"', "*"),
]
CHOICES = ["Red", "red ", "Grün", "GRÜN", "50%"]
HOBBIES = ["Chess", "chess", "Go", "Straße", "STRASSE", "50%"]
MISSING: list[Any] = [None, None, "", "  "]
NUMBERS = [Decimal(n) for n in ("0", "1", "1.5", "-1.5", "2", "0.0001", "-0.0001", "99999999999999.9999", "-99999999999999.9999", "3")]
SCORES = [None, 0, 1, 2, -1, 3, 2**31 - 1, -(2**31)]
NOWS = [
    datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
    datetime(2023, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 12, 31, 23, 30, tzinfo=UTC),
    datetime(2026, 3, 31, 0, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),  # Berlin springs forward
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # Berlin falls back
    datetime(2026, 3, 8, 7, 30, tzinfo=UTC),  # New York springs forward
    datetime(2026, 11, 1, 6, 30, tzinfo=UTC),  # New York falls back
    datetime(2017, 10, 15, 3, 30, tzinfo=UTC),  # São Paulo skips midnight
    datetime(2018, 2, 18, 2, 30, tzinfo=UTC),  # São Paulo repeats the hour before midnight
    datetime(2026, 3, 28, 22, 30, tzinfo=UTC),  # Beirut skips midnight
    datetime(2026, 4, 4, 15, 15, tzinfo=UTC),  # Lord Howe falls back by half an hour
    datetime(2011, 12, 30, 11, 0, tzinfo=UTC),  # Apia has skipped a day
]
STATUSES = ["SCHEDULED", "COMPLETED", "CANCELLED", "NO_SHOW"]

CONTACT_TEXTS = ("company", "firstName", "address", "country", "status")
CONTACT_INSTANTS = ("lastActivityAt", "createdAt")
APPOINTMENT_TEXTS = ("title", "location")
APPOINTMENT_INSTANTS = ("startsAt", "endsAt")
DEAL_INSTANTS = ("closesAt", "createdAt")
INSTANTS = {APPOINTMENT: APPOINTMENT_INSTANTS, DEAL: DEAL_INSTANTS}


def vocabulary(zone: ZoneInfo, *, with_gone: bool, record_types: RecordTypes = RECORD_TYPES) -> Vocabulary:
    """The account's names now, or as they were before some of them went."""
    tags = {number: name for name, number in TAGS.items()} | ({GONE_TAG: "Gone"} if with_gone else {})
    groups = {number: GroupName(name, CONTACT) for number, name in GROUPS.items()}
    return Vocabulary(
        account_id=ACCOUNT,
        record_types=record_types,
        zone=zone,
        tags=tags,
        tags_by_name={fold_or_none(name) or "": number for number, name in tags.items()},
        fields=FIELDS | ({GONE_FIELD.key: GONE_FIELD} if with_gone else {}),
        groups=groups | ({GONE_GROUP: GroupName("Gone", CONTACT)} if with_gone else {}),
        users=USERS,
    )


# ---------------------------------------------------------------- records


def contacts(seed: int, count: int) -> list[Record]:
    """So many random contacts with their appointments."""
    chance = random.Random(seed)
    moments = _instants_near(chance, NOWS)
    return [_contact(chance, moments, number) for number in range(1, count + 1)]


def _instants_near(chance: random.Random, nows: Iterable[datetime]) -> list[datetime]:
    steps = [timedelta(), timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=30), timedelta(minutes=30)]
    near = [now + sign * step for now in nows for step in steps for sign in (1, -1)]
    midnights = [
        datetime(now.year, now.month, now.day, tzinfo=zone).astimezone(UTC) + timedelta(days=days)
        for now in nows
        for zone in ZONES
        for days in (-1, 0, 1)
    ]
    anniversaries = [now.replace(year=year, day=min(now.day, 28)) for now in nows for year in (1970, 2000, 2100)]
    return chance.sample(near + midnights + anniversaries, 60)


def _contact(chance: random.Random, moments: list[datetime], number: int) -> Record:
    record: Record = {"id": number}
    record |= {key: chance.choice(TEXTS + MISSING) for key in CONTACT_TEXTS}
    record |= {key: chance.choice([None, *moments]) for key in CONTACT_INSTANTS}
    record["createdAt"] = chance.choice(moments)
    record["score"] = chance.choice(SCORES)
    record["spent"] = chance.choice([None, *NUMBERS])
    record["birthday"] = _day(chance, moments)
    record["owner"] = chance.choice([None, *(to_global_id("User", user) for user in USERS)])
    record["tags"] = {name: chance.choice(moments) for name in chance.sample(list(TAGS), chance.randint(0, 3))}
    record["custom"] = {key: value for key in FIELDS if (value := _custom(chance, moments, FIELDS[key].type)) is not None}
    record["groups"] = {to_global_id("Group", group) for group in GROUPS if chance.random() < 0.4}
    record["appointments"] = []
    for index in range(chance.choice([0, 0, 1, 2, 3])):
        record["appointments"].append(_appointment(chance, moments, number * 10 + index) | {"contact": record})
    return record


def with_deals(records: list[Record], seed: int) -> list[Record]:
    """The same contacts with random deals."""
    chance = random.Random(seed)
    moments = _instants_near(chance, NOWS)
    for record in records:
        record["deals"] = [
            _deal(chance, moments, record["id"] * 10 + n) | {"contact": record} for n in range(chance.choice([0, 0, 1, 2, 3]))
        ]
    return records


def _deal(chance: random.Random, moments: list[datetime], number: int) -> Record:
    return {
        "id": number,
        "title": chance.choice(TEXTS),
        "amount": chance.choice([None, *NUMBERS]),
        "closesAt": chance.choice([None, *moments]),
        "createdAt": chance.choice(moments),
    }


def _day(chance: random.Random, moments: list[datetime]) -> date | None:
    near = chance.choice(moments).date() + timedelta(days=chance.randint(-2, 2))
    return chance.choice([None, near, near, near.replace(year=1980, day=min(near.day, 28)), date(1984, 2, 29), date(1983, 2, 28)])


def _custom(chance: random.Random, moments: list[datetime], kind: FieldType) -> Any:
    if chance.random() < 0.3:
        return None
    match kind:
        case FieldType.NUMBER:
            return chance.choice(NUMBERS)
        case FieldType.DATE:
            return _day(chance, moments)
        case FieldType.DATE_TIME:
            return chance.choice(moments)
        case FieldType.CHECKBOX:
            return chance.random() < 0.5
        case FieldType.DROPDOWN:
            return chance.choice(CHOICES)
        case FieldType.LIST:
            return chance.sample(HOBBIES, chance.randint(1, 3))
        case _:
            return chance.choice(TEXTS)


def _appointment(chance: random.Random, moments: list[datetime], number: int) -> Record:
    return {
        "id": number,
        "title": chance.choice(TEXTS),
        "location": chance.choice(TEXTS + MISSING),
        "status": chance.choice(STATUSES),
        "startsAt": chance.choice(moments),
        "endsAt": chance.choice([None, *moments]),
    }


# ---------------------------------------------------------------- in the database and in memory


def columns(record: Record, keys: Iterable[str]) -> dict[str, Any]:
    """The columns that store these keys, in the form in which they are stored."""
    found: dict[str, Any] = {}
    for key in keys:
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
        value = record[key]
        if key in (*CONTACT_TEXTS, *APPOINTMENT_TEXTS) and (key, "contact" in record) != ("status", True):
            found |= {name: value, f"{name}_folded": fold_or_none(value)}
        else:
            found[name] = stored(value)
    return found


def stored(value: Any) -> Any:
    """A value in the form in which a column stores it."""
    match value:
        case bool():
            return value
        case datetime():
            return to_microseconds(value)
        case date():
            return to_day_number(value)
        case Decimal():
            return to_units(value)
        case _:
            return value


def contact_columns(record: Record) -> dict[str, Any]:
    found = columns(record, (*CONTACT_TEXTS, *CONTACT_INSTANTS, "score", "spent", "birthday"))
    owner = next((user for user in USERS if to_global_id("User", user) == record["owner"]), None)
    return found | {"id": record["id"], "owner_id": owner}


def appointment_columns(record: Record) -> dict[str, Any]:
    return columns(record, (*APPOINTMENT_TEXTS, *APPOINTMENT_INSTANTS, "status")) | {"id": record["id"]}


def deal_columns(record: Record) -> dict[str, Any]:
    return columns(record, ("title", "amount", *DEAL_INSTANTS)) | {"id": record["id"]}


def custom_rows(record: Record) -> dict[int, list[Any]]:
    """The stored custom values by field id, an entry a row."""
    rows: dict[int, list[Any]] = {}
    for key, value in record["custom"].items():
        entries = value if isinstance(value, list) else [value]
        rows[FIELDS[key].id] = [fold_or_none(entry) if isinstance(entry, str) else stored(entry) for entry in entries]
    return rows


def facts(record: Record) -> ContactFacts:
    found = ContactFacts(
        id=record["id"],
        values=contact_columns(record),
        tags={TAGS[name]: to_microseconds(at) for name, at in record["tags"].items()},
        custom={field: tuple(values) for field, values in custom_rows(record).items()},
        groups={group for group in GROUPS if to_global_id("Group", group) in record["groups"]},
    )
    found.owned[APPOINTMENT] = [OwnedFacts(a["id"], appointment_columns(a), found) for a in record["appointments"]]
    if "deals" in record:
        found.owned[DEAL] = [OwnedFacts(deal["id"], deal_columns(deal), found) for deal in record["deals"]]
    return found


async def prepare(database: Database) -> None:
    """Store everything but the contacts. A second account has the same contents under other ids."""
    moment = NOWS[0]
    for account in (ACCOUNT, OTHER_ACCOUNT):
        await Account.create(id=account, name="A", timezone="UTC", created_at=moment, updated_at=moment)
    common: dict[str, Any] = {"account_id": ACCOUNT, "created_at": moment, "updated_at": moment}
    for number, name in USERS.items():
        await User.create(id=number, name=name, email=name, email_folded=name.lower(), role="OWNER", **common)
    for name, number in TAGS.items():
        await Tag.create(id=number, name=name, name_folded=fold_or_none(name), **common)
    for field in FIELDS.values():
        await CustomField.create(id=field.id, key=field.key, label=field.label, type=field.type, choices=list(field.choices), **common)
    for number, name in GROUPS.items():
        await Group.create(
            id=number,
            members_id=number,
            name=name,
            name_folded=name.lower(),
            record_type="CONTACT",
            criteria={},
            view="",
            edit="",
            state="READY",
            epoch="",
            **common,
        )


async def store(database: Database, records: list[Record]) -> None:
    """Replace all contacts by these."""
    await database.rows("DELETE FROM contacts")
    await database.rows("DELETE FROM group_members")
    common = {"account_id": ACCOUNT}
    people = [contact_columns(r) | {"updated_at": 0} | common for r in records]
    await Contact.bulk_create([Contact(**row) for row in people])
    await Appointment.bulk_create(
        Appointment(**appointment_columns(a), contact_id=r["id"], created_at=0, updated_at=0, **common)
        for r in records
        for a in r["appointments"]
    )
    if deals := [(r["id"], deal) for r in records for deal in r.get("deals", ())]:
        await Deal.bulk_create(Deal(**deal_columns(deal), contact_id=contact_id, updated_at=0, **common) for contact_id, deal in deals)
    await Tagging.bulk_create(
        Tagging(contact_id=r["id"], tag_id=TAGS[name], tagged_at=at, **common) for r in records for name, at in r["tags"].items()
    )
    await CustomValue.bulk_create(
        CustomValue(contact_id=r["id"], field_id=field, ordinal=ordinal, **{_column(field): value}, **common)
        for r in records
        for field, values in custom_rows(r).items()
        for ordinal, value in enumerate(values)
    )
    await GroupMember.bulk_create(
        GroupMember(account_id=ACCOUNT, set_id=group, record_id=r["id"], joined_at=0)
        for r in records
        for group in GROUPS
        if to_global_id("Group", group) in r["groups"]
    )


def _column(field_id: int) -> str:
    return next(CUSTOM_COLUMNS[field.type] for field in FIELDS.values() if field.id == field_id)


# ---------------------------------------------------------------- criteria


def one_key(**strategies: SearchStrategy[Any]) -> SearchStrategy[Document]:
    """An object with exactly one of these keys."""
    return st.one_of([st.fixed_dictionaries({key.rstrip("_"): found}) for key, found in strategies.items()])


def some(strategy: SearchStrategy[Any]) -> SearchStrategy[list[Any]]:
    """Mostly few values, now and then more than are written out in SQL."""
    return st.one_of(st.lists(strategy, min_size=1, max_size=3), st.lists(strategy, min_size=9, max_size=12))


def _fixed(end: Any) -> Any:
    """The value of an end of a range, with its kind. None if it moves with time."""
    match end:
        case str() | int():
            return "number", Decimal(end)
        case {"at": at}:
            return "instant", datetime.fromisoformat(at)
        case {"date": day} | {"day": {"date": day}}:
            return "day", day
        case _:
            return None


def _in_order(span: Document) -> Document:
    low, high = _fixed(span["from"]), _fixed(span["to"])
    upside_down = low and high and low[0] == high[0] and low > high
    return {"from": span["to"], "to": span["from"]} if upside_down else span


def range_of(ends: SearchStrategy[Any]) -> SearchStrategy[Document]:
    """Ranges, which are refused when they are upside down for good."""
    return st.fixed_dictionaries({"from": ends, "to": ends}).map(_in_order)


is_empty = st.booleans()
texts = st.sampled_from(TEXTS)
prefixes = st.sampled_from([text for text in TEXTS if text != "\U0010ffff"])
numbers = st.sampled_from([*(f"{number:f}" for number in NUMBERS), "2.5", "-0.5", 2, 2147483648, -2147483649])
offsets = st.fixed_dictionaries(
    {},
    optional={unit: st.integers(-14, 14) for unit in ("months", "weeks", "days")}
    | {unit: st.integers(-50, 50) for unit in ("hours", "minutes")},
)
day_offsets = st.fixed_dictionaries({}, optional={unit: st.integers(-40, 40) for unit in ("months", "weeks", "days")})
forward = st.fixed_dictionaries({}, optional={unit: st.integers(0, 14) for unit in ("months", "weeks", "days", "hours", "minutes")}).filter(
    lambda found: any(found.values())
)
forward_days = st.fixed_dictionaries({}, optional={unit: st.integers(0, 14) for unit in ("months", "weeks", "days")}).filter(
    lambda found: any(found.values())
)
dates = st.one_of(
    st.sampled_from([now.date() for now in NOWS]), st.dates(date(2010, 1, 1), date(2030, 1, 1)), st.just(date(1984, 2, 29))
).map(date.isoformat)
NAMED_DAYS = (
    "TODAY YESTERDAY TOMORROW LAST_SUNDAY SUNDAY_BEFORE_LAST FIRST_DAY_OF_THIS_MONTH FIRST_DAY_OF_LAST_MONTH FIRST_DAY_OF_NEXT_MONTH"
    " THIS_DAY_LAST_MONTH THIS_DAY_NEXT_MONTH FIRST_DAY_OF_THIS_YEAR FIRST_DAY_OF_NEXT_YEAR THIS_DAY_LAST_YEAR THIS_DAY_NEXT_YEAR"
)
named_days = st.sampled_from(NAMED_DAYS.split())
days = one_key(date=dates, named=named_days, today=day_offsets)
instants = (
    st.one_of(
        st.sampled_from(_instants_near(random.Random(0), NOWS)),
        st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.sampled_from([UTC, ZoneInfo("Asia/Kathmandu")])),  # noqa: DTZ001  # bounds
    )
    .map(datetime.isoformat)
    .filter(lambda text: text.count(":") >= 3)
)
moments = one_key(at=instants, now=offsets, day=days)
anniversaries = one_key(
    today=st.just(True), thisMonth=st.just(True), withinNextDays=st.integers(1, 400), withinLastDays=st.integers(1, 400)
)

text_condition = one_key(
    equals=some(texts),
    notEquals=some(texts),
    contains=some(texts),
    notContains=some(texts),
    startsWith=some(prefixes),
    notStartsWith=some(prefixes),
    endsWith=some(texts),
    notEndsWith=some(texts),
    isEmpty=is_empty,
)
number_condition = one_key(
    equals=some(numbers),
    notEquals=some(numbers),
    greaterThan=numbers,
    greaterOrEqual=numbers,
    lessThan=numbers,
    lessOrEqual=numbers,
    between=range_of(numbers),
    isEmpty=is_empty,
)
date_condition = one_key(
    before=days,
    onOrBefore=days,
    after=days,
    onOrAfter=days,
    between=range_of(days),
    on=some(days),
    notOn=some(days),
    withinLast=forward_days,
    withinNext=forward_days,
    anniversary=anniversaries,
    isEmpty=is_empty,
)
instant_condition = one_key(
    before=moments,
    onOrBefore=moments,
    after=moments,
    onOrAfter=moments,
    between=range_of(moments),
    on=some(days),
    notOn=some(days),
    withinLast=forward,
    withinNext=forward,
    anniversary=anniversaries,
    isEmpty=is_empty,
)
tag_refs = st.sampled_from([*TAGS, "client ", "STRASSE", "Gone"]).map(lambda name: {"name": name})
group_refs = st.sampled_from([to_global_id("Group", number) for number in (*GROUPS, GONE_GROUP)])
user_refs = st.sampled_from([to_global_id("User", number) for number in USERS])


def choice_condition(choices: list[str]) -> SearchStrategy[Document]:
    values = some(st.sampled_from(choices))
    return one_key(containsAny=values, containsAll=values, containsNone=values, isExactly=values, isEmpty=is_empty)


CUSTOM_CONDITIONS = {
    "nickname": ("text", text_condition),
    "notes": ("text", text_condition),
    "site": ("text", text_condition),
    "points": ("number", number_condition),
    "gone": ("number", number_condition),
    "since": ("date", date_condition),
    "called": ("dateTime", instant_condition),
    "agreed": ("boolean", one_key(**{"is": st.booleans(), "isEmpty": is_empty})),
    "colour": ("choice", choice_condition(CHOICES)),
    "hobbies": ("choice", choice_condition([*HOBBIES, "Tennis"])),
}
custom_condition = st.one_of(
    [st.fixed_dictionaries({"key": st.just(key), family: condition}) for key, (family, condition) in CUSTOM_CONDITIONS.items()]
)

contact_leaf = st.one_of(
    one_key(**dict.fromkeys(CONTACT_TEXTS, text_condition)),
    one_key(score=number_condition, spent=number_condition),
    one_key(birthday=date_condition),
    one_key(**dict.fromkeys(CONTACT_INSTANTS, instant_condition)),
    one_key(owner=one_key(isAny=some(user_refs), isNone=some(user_refs), isEmpty=is_empty)),
    one_key(
        tags=one_key(containsAny=some(tag_refs), containsAll=some(tag_refs), containsNone=some(tag_refs), isEmpty=is_empty),
        taggedAt=st.fixed_dictionaries({"tag": tag_refs, "when": instant_condition}),
        group=one_key(memberOfAny=some(group_refs), memberOfAll=some(group_refs), memberOfNone=some(group_refs)),
    ),
    one_key(custom=custom_condition),
)
statuses = some(st.sampled_from(STATUSES))
appointment_leaf = st.one_of(
    one_key(**dict.fromkeys(APPOINTMENT_TEXTS, text_condition)),
    one_key(**dict.fromkeys(APPOINTMENT_INSTANTS, instant_condition)),
    one_key(status=one_key(isAny=statuses, isNone=statuses)),
)

NEGATIVE_OPERATORS = {"notEquals", "notContains", "notStartsWith", "notEndsWith", "notOn", "isNone", "containsNone", "memberOfNone", "none"}


def is_negative(node: Document) -> bool:
    """Whether a document says what must not be."""
    ((key, held),) = node.items()
    if key in ("all", "any", "not", "contact"):
        return False
    conditions = [held["when"]] if key == "taggedAt" else list(held.values()) if key == "custom" else [held]
    return any(NEGATIVE_OPERATORS & condition.keys() for condition in conditions if isinstance(condition, dict))


def positively(node: Document) -> Document:
    """The node in a form that may stand in an `any`."""
    return {"all": [node]} if is_negative(node) else node


def tree_of(leaf: SearchStrategy[Document], depth: int) -> SearchStrategy[Document]:
    """Nodes over these leaves, nested at most so deep."""
    if depth == 0:
        return leaf
    below = tree_of(leaf, depth - 1)
    several = st.lists(below, min_size=1, max_size=3)
    composite = one_key(all=several, any=st.lists(below.map(positively), min_size=1, max_size=3), not_=below)
    return st.one_of(leaf, composite)


_appointments_of = tree_of(st.one_of(appointment_leaf, one_key(contact=contact_leaf)), 1)
_relation = one_key(
    some=_appointments_of,
    none=_appointments_of,
    atLeast=st.fixed_dictionaries({"count": st.integers(1, 3)}, optional={"where": _appointments_of}),
)
contact_tree = tree_of(st.one_of(contact_leaf, contact_leaf, one_key(appointments=_relation)), 2)
appointment_tree = tree_of(st.one_of(appointment_leaf, appointment_leaf, one_key(contact=contact_tree)), 2)
documents = st.one_of(one_key(contacts=contact_tree), one_key(contacts=contact_tree), one_key(appointments=appointment_tree))
deal_leaf = st.one_of(
    one_key(title=text_condition), one_key(amount=number_condition), one_key(**dict.fromkeys(DEAL_INSTANTS, instant_condition))
)
_deals_of = tree_of(st.one_of(deal_leaf, one_key(contact=contact_leaf)), 1)
_deal_relation = one_key(
    some=_deals_of, none=_deals_of, atLeast=st.fixed_dictionaries({"count": st.integers(1, 3)}, optional={"where": _deals_of})
)
_owner_tree = tree_of(st.one_of(contact_leaf, one_key(appointments=_relation, deals=_deal_relation)), 2)
documents_with_deals = st.one_of(
    documents, one_key(contacts=_owner_tree, deals=tree_of(st.one_of(deal_leaf, deal_leaf, one_key(contact=_owner_tree)), 2))
)
moments_of_evaluation = st.sampled_from([(now, zone) for now in NOWS for zone in ZONES])
