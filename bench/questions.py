"""The reference criteria, from simple to nasty, each beside hand-written SQL.

Hand-written SQL begins at FROM, in the dialect of `models.engine.statement`. The fastest of several ways counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.dataset import ACCOUNT, BOARD, CLIENT, COLOUR, DAY_US, GOLD, NEWSLETTER, NOW, NOW_US, PARTNER, POINTS, SILVER
from models.engine.statement import Engine
from models.fields import to_day_number
from models.ids import to_global_id

CONTACTS = "FROM contacts WHERE contacts.account_id = :account AND "
TODAY = to_day_number(NOW.date())
TAGGED = "id IN (SELECT contact_id FROM taggings WHERE tag_id = :{tag})"
TAGGED_EACH = "EXISTS (SELECT 1 FROM taggings WHERE contact_id = contacts.id AND tag_id = :{tag})"


@dataclass(frozen=True, slots=True)
class Question:
    """Reference criteria. `values` are the parameters of the SQL besides `account`."""

    name: str
    document: Mapping[str, Any]
    by_hand: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    by_hand_on: Mapping[Engine, tuple[str, ...]] = field(default_factory=dict)

    def hand_written(self, engine: Engine) -> tuple[str, ...]:
        """Every way to write it for an engine."""
        return self.by_hand + self.by_hand_on.get(engine, ())

    @property
    def parameters(self) -> dict[str, Any]:
        """What the hand-written SQL is run with."""
        return {"account": ACCOUNT, **self.values}


def _contacts(name: str, criteria: Mapping[str, Any], *conditions: str, **values: Any) -> Question:
    return Question(name, {"contacts": criteria}, tuple(CONTACTS + condition for condition in conditions), values)


def _tag(number: int) -> dict[str, str]:
    return {"id": to_global_id("Tag", number)}


def _carries(number: int) -> dict[str, Any]:
    return {"tags": {"containsAny": [_tag(number)]}}


def _custom(key: str, family: str, condition: Mapping[str, Any]) -> dict[str, Any]:
    return {"custom": {"key": key, family: condition}}


def _within_30_days(kind: str) -> dict[str, Any]:
    return {kind: {"days": 30}}


UPCOMING: Mapping[str, Any] = {"startsAt": {"onOrAfter": {"now": {}}}}

SIMPLE = (
    Question(
        "worked example 1: Canada or Mexico, tagged",
        {"contacts": {"all": [{"country": {"equals": ["Canada", "Mexico"]}}, _carries(CLIENT)]}},
        (
            f"{CONTACTS} country_folded IN (:canada, :mexico) AND {TAGGED.format(tag='tag')}",
            f"{CONTACTS} country_folded IN (:canada, :mexico) AND {TAGGED_EACH.format(tag='tag')}",
            "FROM contacts JOIN taggings ON contact_id = contacts.id AND tag_id = :tag"
            " WHERE contacts.account_id = :account AND country_folded IN (:canada, :mexico)",
        ),
        {"canada": "canada", "mexico": "mexico", "tag": CLIENT},
    ),
    Question(
        "worked example 2: appointments from now on",
        {"appointments": UPCOMING},
        ("FROM appointments WHERE account_id = :account AND starts_at >= :now",),
        {"now": NOW_US},
    ),
    _contacts("text equals", {"city": {"equals": ["Bacor City"]}}, "city_folded = :city", city="bacor city"),
    _contacts(
        "text starts with",
        {"lastName": {"startsWith": ["Smi"]}},
        "last_name_folded >= :low AND last_name_folded < :high",
        "last_name_folded LIKE 'smi%'",
        low="smi",
        high="smj",
    ),
    _contacts("text contains", {"company": {"contains": ["Biotech"]}}, "company_folded LIKE '%biotech%'"),
    _contacts("text ends with", {"email": {"endsWith": ["@example.org"]}}, "email_folded LIKE '%@example.org'"),
    _contacts(
        "text is not (most contacts)",
        {"country": {"notEquals": ["United States"]}},
        "(country_folded <> :country OR country_folded IS NULL)",
        "country_folded IS DISTINCT FROM :country",
        country="united states",
    ),
    _contacts("text is empty", {"phone": {"isEmpty": True}}, "phone_folded IS NULL"),
    _contacts(
        "owner is one of two", {"owner": {"isAny": [to_global_id("User", n) for n in (3, 7)]}}, "owner_id IN (:one, :two)", one=3, two=7
    ),
    _contacts(
        "date between two days",
        {"birthday": {"between": {"from": {"date": "1980-01-01"}, "to": {"date": "1984-12-31"}}}},
        "birthday BETWEEN 3652 AND 5478",
    ),
    _contacts(
        "instant within the last 30 days",
        {"createdAt": _within_30_days("withinLast")},
        "created_at > :since AND created_at <= :now",
        since=NOW_US - 30 * DAY_US,
        now=NOW_US,
    ),
    Question(
        "anniversary within a week",
        {"contacts": {"birthday": {"anniversary": {"withinNextDays": 7}}}},
        (),
        by_hand_on={
            "sqlite": (f"{CONTACTS} strftime('%m-%d', birthday * 86400, 'unixepoch') BETWEEN '06-15' AND '06-21'",),
            "postgresql": (
                f"{CONTACTS} to_char(date '1970-01-01' + birthday, 'MM-DD') BETWEEN '06-15' AND '06-21'",
                f"{CONTACTS} EXTRACT(MONTH FROM date '1970-01-01' + birthday) = 6"
                " AND EXTRACT(DAY FROM date '1970-01-01' + birthday) BETWEEN 15 AND 21",
            ),
        },
    ),
)

RELATED = (
    _contacts(
        "rare tag and common country",
        {"all": [_carries(BOARD), {"country": {"equals": ["United States"]}}]},
        f"country_folded = :country AND {TAGGED.format(tag='tag')}",
        f"country_folded = :country AND {TAGGED_EACH.format(tag='tag')}",
        country="united states",
        tag=BOARD,
    ),
    _contacts(
        "not the commonest tag",
        {"not": _carries(NEWSLETTER)},
        "id NOT IN (SELECT contact_id FROM taggings WHERE tag_id = :tag)",
        f"NOT {TAGGED_EACH.format(tag='tag')}",
        tag=NEWSLETTER,
    ),
    _contacts(
        "all of two tags",
        {"tags": {"containsAll": [_tag(NEWSLETTER), _tag(PARTNER)]}},
        f"{TAGGED.format(tag='one')} AND {TAGGED.format(tag='two')}",
        f"{TAGGED_EACH.format(tag='one')} AND {TAGGED_EACH.format(tag='two')}",
        "id IN (SELECT contact_id FROM taggings WHERE tag_id IN (:one, :two) GROUP BY contact_id HAVING COUNT(*) = 2)",
        one=NEWSLETTER,
        two=PARTNER,
    ),
    _contacts(
        "tagged within the last 30 days",
        {"taggedAt": {"tag": _tag(CLIENT), "when": _within_30_days("withinLast")}},
        "id IN (SELECT contact_id FROM taggings WHERE tag_id = :tag AND tagged_at > :since AND tagged_at <= :now)",
        "EXISTS (SELECT 1 FROM taggings WHERE contact_id = contacts.id AND tag_id = :tag AND tagged_at > :since AND tagged_at <= :now)",
        tag=CLIENT,
        since=NOW_US - 30 * DAY_US,
        now=NOW_US,
    ),
    _contacts(
        "custom number in a range",
        _custom("points", "number", {"between": {"from": "100", "to": "149"}}),
        "id IN (SELECT contact_id FROM custom_values WHERE field_id = :field AND number BETWEEN 1000000 AND 1490000)",
        "EXISTS (SELECT 1 FROM custom_values WHERE contact_id = contacts.id AND field_id = :field AND number BETWEEN 1000000 AND 1490000)",
        field=POINTS,
    ),
    _contacts(
        "custom choice",
        _custom("colour", "choice", {"containsAny": ["Red", "Blue"]}),
        "id IN (SELECT contact_id FROM custom_values WHERE field_id = :field AND folded IN (:red, :blue))",
        "EXISTS (SELECT 1 FROM custom_values WHERE contact_id = contacts.id AND field_id = :field AND folded IN (:red, :blue))",
        field=COLOUR,
        red="red",
        blue="blue",
    ),
    _contacts(
        "no appointments",
        {"appointments": {"none": {"startsAt": {"isEmpty": False}}}},
        "id NOT IN (SELECT contact_id FROM appointments WHERE account_id = :account)",
        "NOT EXISTS (SELECT 1 FROM appointments WHERE contact_id = contacts.id)",
    ),
    _contacts(
        "some upcoming appointment",
        {"appointments": {"some": UPCOMING}},
        "id IN (SELECT contact_id FROM appointments WHERE account_id = :account AND starts_at >= :now)",
        "EXISTS (SELECT 1 FROM appointments WHERE contact_id = contacts.id AND starts_at >= :now)",
        now=NOW_US,
    ),
    _contacts(
        "at least two appointments",
        {"appointments": {"atLeast": {"count": 2}}},
        "id IN (SELECT contact_id FROM appointments WHERE account_id = :account GROUP BY contact_id HAVING COUNT(*) >= 2)",
        "id IN (SELECT contact_id FROM appointments GROUP BY contact_id HAVING COUNT(*) >= 2)",
        "(SELECT COUNT(*) FROM appointments WHERE contact_id = contacts.id) >= 2",
    ),
    _contacts(
        "in a group, and a country",
        {"all": [{"group": {"memberOfAny": [to_global_id("Group", GOLD)]}}, {"country": {"equals": ["Germany"]}}]},
        "country_folded = :country AND id IN (SELECT record_id FROM group_members WHERE set_id = :gold)",
        "country_folded = :country AND EXISTS (SELECT 1 FROM group_members WHERE set_id = :gold AND record_id = contacts.id)",
        country="germany",
        gold=GOLD,
    ),
)

NESTED = (
    _contacts(
        "any of three fields",
        {"any": [{"city": {"equals": ["Corcor City"]}}, {"lastName": {"startsWith": ["Walt"]}}, {"score": {"greaterOrEqual": 98}}]},
        "(city_folded = :city OR (last_name_folded >= :low AND last_name_folded < :high) OR score >= 98)",
        city="corcor city",
        low="walt",
        high="walu",
    ),
    _contacts(
        "three levels: and, or, not, four tables",
        {
            "all": [
                {
                    "any": [
                        {"all": [{"country": {"equals": ["Canada"]}}, _carries(CLIENT)]},
                        {"all": [{"country": {"equals": ["Germany"]}}, {"not": _carries(NEWSLETTER)}]},
                        _custom("points", "number", {"greaterThan": "950"}),
                    ]
                },
                {"not": {"any": [{"status": {"equals": ["Churned"]}}, {"group": {"memberOfAny": [to_global_id("Group", SILVER)]}}]}},
            ]
        },
        "((country_folded = 'canada' AND id IN (SELECT contact_id FROM taggings WHERE tag_id = :client))"
        " OR (country_folded = 'germany' AND id NOT IN (SELECT contact_id FROM taggings WHERE tag_id = :newsletter))"
        " OR id IN (SELECT contact_id FROM custom_values WHERE field_id = :points AND number > 9500000))"
        " AND status_folded IS DISTINCT FROM 'churned'"
        " AND id NOT IN (SELECT record_id FROM group_members WHERE set_id = :silver)",
        "((country_folded = 'canada' AND EXISTS (SELECT 1 FROM taggings WHERE contact_id = contacts.id AND tag_id = :client))"
        " OR (country_folded = 'germany' AND NOT EXISTS (SELECT 1 FROM taggings WHERE contact_id = contacts.id AND tag_id = :newsletter))"
        " OR EXISTS (SELECT 1 FROM custom_values WHERE contact_id = contacts.id AND field_id = :points AND number > 9500000))"
        " AND status_folded IS DISTINCT FROM 'churned'"
        " AND NOT EXISTS (SELECT 1 FROM group_members WHERE set_id = :silver AND record_id = contacts.id)",
        client=CLIENT,
        newsletter=NEWSLETTER,
        points=POINTS,
        silver=SILVER,
    ),
)

QUESTIONS = SIMPLE + RELATED + NESTED
