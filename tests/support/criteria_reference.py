"""What criteria mean, a second time: slow, plain, on Python values, and sharing nothing with the code it is compared to.

It reads documents as clients write them. A record is a dict of API keys to `str`, `Decimal`, `int`, `date`, aware `datetime`,
`bool` or None. A contact has besides `tags` (name to instant), `custom` (key to value or list), `groups`, and under
`appointments` and `deals` the records that it owns, each with its `contact`.
"""

import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Record = dict[str, Any]

NEGATIVE = {
    "notEquals": "equals",
    "notContains": "contains",
    "notStartsWith": "startsWith",
    "notEndsWith": "endsWith",
    "notOn": "on",
    "isNone": "isAny",
    "containsNone": "containsAny",
    "memberOfNone": "memberOfAny",
}


def folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def blank_is_missing(value: Any) -> Any:
    return None if isinstance(value, str) and not folded(value) else value


@dataclass(frozen=True)
class Reference:
    """The meaning of documents at one moment in one time zone."""

    now: datetime
    zone: ZoneInfo

    def holds(self, criteria: Record, record: Record) -> bool:
        ((key, held),) = criteria.items()
        match key:
            case "contacts":
                return self.holds(held, record)
            case "appointments" | "deals" if "contact" in record:
                return self.holds(held, record)
            case "all":
                return all(self.holds(child, record) for child in held)
            case "any":
                return any(self.holds(child, record) for child in held)
            case "not":
                return not self.holds(held, record)
            case "contact":
                return self.holds(held, record["contact"])
            case "appointments" | "deals":
                return self.related(held, record[key])
            case "tags":
                return self.values_meet(held, set(map(folded, record["tags"])), lambda ref: folded(ref["name"]))
            case "taggedAt":
                wanted = folded(held["tag"]["name"])
                at = next((at for name, at in record["tags"].items() if folded(name) == wanted), None)
                return self.condition(held["when"], at)
            case "group":
                return self.values_meet(held, record["groups"], lambda ref: ref)
            case "custom":
                ((family, condition),) = [(name, found) for name, found in held.items() if name != "key"]
                value = record["custom"].get(held["key"])
                if family == "choice":
                    values = value if isinstance(value, list) else [value]
                    return self.values_meet(condition, {folded(v) for v in values if blank_is_missing(v) is not None}, folded)
                return self.condition(condition, value)
            case _:
                return self.condition(held, record[key])

    def related(self, relation: Record, owned: list[Record]) -> bool:
        ((key, held),) = relation.items()
        if key == "some":
            return any(self.holds(held, each) for each in owned)
        if key == "none":
            return not any(self.holds(held, each) for each in owned)
        found = [each for each in owned if "where" not in held or self.holds(held["where"], each)]
        return bool(len(found) >= held["count"])

    def values_meet(self, condition: Record, have: set[Any], name: Any) -> bool:
        ((operator, operand),) = condition.items()
        if operator == "isEmpty":
            return bool((not have) == operand)
        wanted = {name(ref) for ref in operand}
        return {
            "containsAny": bool(wanted & have),
            "containsAll": wanted <= have,
            "containsNone": not wanted & have,
            "isExactly": wanted == have,
            "memberOfAny": bool(wanted & have),
            "memberOfAll": wanted <= have,
            "memberOfNone": not wanted & have,
        }[operator]

    def condition(self, condition: Record, raw: Any) -> bool:
        ((operator, operand),) = condition.items()
        value: Any = blank_is_missing(raw)
        if operator == "isEmpty":
            return bool((value is None) == operand)
        if operator in NEGATIVE:
            return not self.condition({NEGATIVE[operator]: operand}, value)
        if value is None:
            return False
        if isinstance(value, str):
            return self.text(operator, operand, folded(value))
        if isinstance(value, bool):
            return bool(value == operand)
        if isinstance(value, datetime):
            return self.instant(operator, operand, value)
        if isinstance(value, date):
            return self.day(operator, operand, value)
        return self.number(operator, operand, value)

    def text(self, operator: str, operand: list[str], value: str) -> bool:
        wanted = [folded(text) for text in operand]
        match operator:
            case "equals" | "isAny":
                return value in wanted
            case "contains":
                return any(text in value for text in wanted)
            case "startsWith":
                return any(value.startswith(text) for text in wanted)
            case "endsWith":
                return any(value.endswith(text) for text in wanted)
        raise AssertionError(operator)

    def number(self, operator: str, operand: Any, value: Decimal | int) -> bool:
        match operator:
            case "equals":
                return any(value == Decimal(wanted) for wanted in operand)
            case "greaterThan":
                return value > Decimal(operand)
            case "greaterOrEqual":
                return value >= Decimal(operand)
            case "lessThan":
                return value < Decimal(operand)
            case "lessOrEqual":
                return value <= Decimal(operand)
            case "between":
                return Decimal(operand["from"]) <= value <= Decimal(operand["to"])
        raise AssertionError(operator)

    def instant(self, operator: str, operand: Any, value: datetime) -> bool:
        match operator:
            case "before":
                return value < self.moment(operand)
            case "onOrBefore":
                return value <= self.moment(operand)
            case "after":
                return value > self.moment(operand)
            case "onOrAfter":
                return value >= self.moment(operand)
            case "between":
                return self.moment(operand["from"]) <= value < self.moment(operand["to"])
            case "on":
                days = [self.named(day) for day in operand]
                return any(self.start(day) <= value < self.start(day + timedelta(days=1)) for day in days)
            case "withinLast":
                return self.shifted(operand, -1) < value <= self.now
            case "withinNext":
                return self.now <= value < self.shifted(operand, 1)
            case "anniversary":
                return self.anniversary(operand, value.astimezone(self.zone).date())
        raise AssertionError(operator)

    def day(self, operator: str, operand: Any, value: date) -> bool:
        match operator:
            case "before":
                return value < self.named(operand)
            case "onOrBefore":
                return value <= self.named(operand)
            case "after":
                return value > self.named(operand)
            case "onOrAfter":
                return value >= self.named(operand)
            case "between":
                return self.named(operand["from"]) <= value <= self.named(operand["to"])
            case "on":
                return value in [self.named(day) for day in operand]
            case "withinLast":
                return self.moved(self.today, operand, -1) < value <= self.today
            case "withinNext":
                return self.today <= value < self.moved(self.today, operand, 1)
            case "anniversary":
                return self.anniversary(operand, value)
        raise AssertionError(operator)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def anniversary(self, wanted: Record, born: date) -> bool:
        ((kind, operand),) = wanted.items()
        today = self.today
        if kind == "thisMonth":
            return born.month == today.month
        steps = {
            "today": range(1),
            "withinNextDays": range(min(int(operand), 400)),
            "withinLastDays": range(0, -min(int(operand), 400), -1),
        }[kind]
        return any(self.kept(born, today + timedelta(days=step)) for step in steps)

    def kept(self, born: date, day: date) -> bool:
        if (born.month, born.day) == (2, 29) and monthrange(day.year, 2)[1] == 28:
            return (day.month, day.day) == (2, 28)
        return (born.month, born.day) == (day.month, day.day)

    def moment(self, moment: Record) -> datetime:
        ((kind, operand),) = moment.items()
        if kind == "at":
            return datetime.fromisoformat(operand)
        return self.shifted(operand, 1) if kind == "now" else self.start(self.named(operand))

    def named(self, day: Record) -> date:
        ((kind, operand),) = day.items()
        if kind == "date":
            return date.fromisoformat(operand)
        return self.moved(self.today, operand, 1) if kind == "today" else self.by_name(operand)

    def by_name(self, name: str) -> date:
        today = self.today
        first = today.replace(day=1)
        last_sunday = max(today - timedelta(days=n) for n in range(1, 8) if (today - timedelta(days=n)).strftime("%a") == "Sun")
        return {
            "TODAY": today,
            "YESTERDAY": today - timedelta(days=1),
            "TOMORROW": today + timedelta(days=1),
            "LAST_SUNDAY": last_sunday,
            "SUNDAY_BEFORE_LAST": last_sunday - timedelta(days=7),
            "FIRST_DAY_OF_THIS_MONTH": first,
            "FIRST_DAY_OF_LAST_MONTH": (first - timedelta(days=1)).replace(day=1),
            "FIRST_DAY_OF_NEXT_MONTH": (first + timedelta(days=31)).replace(day=1),
            "THIS_DAY_LAST_MONTH": add_months(today, -1),
            "THIS_DAY_NEXT_MONTH": add_months(today, 1),
            "FIRST_DAY_OF_THIS_YEAR": date(today.year, 1, 1),
            "FIRST_DAY_OF_NEXT_YEAR": date(today.year + 1, 1, 1),
            "THIS_DAY_LAST_YEAR": add_months(today, -12),
            "THIS_DAY_NEXT_YEAR": add_months(today, 12),
        }[name]

    def moved(self, day: date, offset: dict[str, int], sign: int) -> date:
        by_months = add_months(day, sign * offset.get("months", 0))
        return by_months + sign * timedelta(weeks=offset.get("weeks", 0), days=offset.get("days", 0))

    def shifted(self, offset: dict[str, int], sign: int) -> datetime:
        elapsed = sign * timedelta(hours=offset.get("hours", 0), minutes=offset.get("minutes", 0))
        if not any(offset.get(unit) for unit in ("months", "weeks", "days")):
            return self.now + elapsed
        local = self.now.astimezone(self.zone)
        return self.from_wall(self.moved(local.date(), offset, sign), local.time()) + elapsed

    def start(self, day: date) -> datetime:
        return self.from_wall(day, time(0))

    def from_wall(self, day: date, clock: time) -> datetime:
        wall = datetime.combine(day, clock.replace(fold=0, tzinfo=None))
        instants = sorted(wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        for instant in instants:
            if instant.astimezone(self.zone).replace(tzinfo=None) == wall:
                return instant
        return max(instants)  # skipped: the later reading is the wall time moved forward by the gap


def add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
