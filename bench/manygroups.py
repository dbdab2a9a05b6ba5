"""Very many groups of one account, with realistic criteria, and contacts to match. They are the same at every run.

Tags follow Zipf's law. There are more of them the more groups there are, so that a tag is named by as many groups on
average in a large account as in a small one, and a contact carries as many.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from app.composition import PRODUCT
from bench.dataset import ACCOUNT, COMPANIES, COUNTRIES, DAY_US, FIELDS, NOW_US, POINTS, SEED, STATUSES, WORDS, ZONE
from models.ids import to_global_id
from models.text import fold
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.language.names import GroupName, Vocabulary
from resolvers.criteria.language.record_types import CONTACT

GROUPS_A_TAG = 10  # on average, besides those that name it beside another
TAGS_A_CONTACT = 8
KINDS: Mapping[str, int] = {  # of a hundred groups
    "tagged": 12,
    "tagged_in_country": 24,
    "tagged_and_not": 10,
    "two_tags": 8,
    "country_and_score": 10,
    "city_or_state": 6,
    "company": 6,
    "custom": 6,
    "spent": 4,
    "recent": 4,
    "negations": 3,
    "nested": 5,
    "member": 2,
}

Document = dict[str, Any]


class ManyGroups:
    """The criteria of so many groups, and contacts, at random."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.tags = count // GROUPS_A_TAG
        self._chance = random.Random(SEED + count)
        self._weights = list(accumulate(1 / rank for rank in range(1, self.tags + 1)))

    @property
    def vocabulary(self) -> Vocabulary:
        """The names that the criteria use."""
        return Vocabulary(
            account_id=ACCOUNT,
            record_types=PRODUCT.record_types,
            zone=ZONE,
            tags={number: f"Tag {number}" for number in range(1, self.tags + 1)},
            tags_by_name={},
            fields={field.key: field for field in FIELDS},
            groups={number: GroupName(f"Group {number}", CONTACT) for number in range(1, self.count + 1)},
            users={},
        )

    def documents(self) -> Iterator[tuple[int, Document]]:
        """Every group's number and criteria."""
        kinds = self._chance.choices(list(KINDS), weights=list(KINDS.values()), k=self.count)
        for number, kind in enumerate(kinds, 1):
            yield number, {"contacts": self._member(number) if kind == "member" else getattr(self, f"_{kind}")()}

    def contact(self) -> ContactFacts:
        """A contact in none of the groups."""
        texts = {"country": self.country(), "status": self._choice(STATUSES), "company": self._among(COMPANIES), "city": self._among(WORDS)}
        values = dict.fromkeys(CONTACT.columns) | {f"{name}_folded": fold(text) for name, text in texts.items()}
        values |= {"score": self.score(), "spent": self._chance.randrange(10**9), "birthday": self._chance.randrange(20_000)}
        values |= {"last_activity_at": self._instant(), "created_at": self._instant(), "updated_at": self._instant()}
        tags = {self.tag(): self._instant() for _ in range(TAGS_A_CONTACT)}
        return ContactFacts(1, values, tags, {POINTS: (self._chance.randrange(10**7),)})

    def tag(self) -> int:
        """A tag, as often as it is carried and named."""
        return self._chance.choices(range(1, self.tags + 1), cum_weights=self._weights)[0]

    def country(self) -> str:
        """A country, as often as people live there."""
        return self._choice(COUNTRIES)

    def score(self) -> int:
        """A score."""
        return self._chance.randrange(100)

    def _choice(self, weights: Mapping[str, float]) -> str:
        return self._chance.choices(list(weights), weights=list(weights.values()))[0]

    def _among(self, texts: list[str]) -> str:
        return self._chance.choice(texts)

    def _instant(self) -> int:
        return NOW_US - self._chance.randrange(700) * DAY_US

    # ------------------------------------------------------------ criteria

    def _tags(self, operator: str, count: int = 1) -> Document:
        refs = {to_global_id("Tag", self.tag()) for _ in range(count)}
        return {"tags": {operator: [{"id": ref} for ref in sorted(refs)]}}

    def _in(self, count: int) -> Document:
        return {"country": {"equals": sorted({self.country() for _ in range(count)})}}

    def _scored(self) -> Document:
        return {"score": {self._among(["greaterThan", "lessThan"]): str(5 * self._chance.randrange(1, 20))}}

    def _tagged(self) -> Document:
        return self._tags("containsAny", self._chance.choice([1, 1, 1, 2, 3]))

    def _tagged_in_country(self) -> Document:
        return {"all": [self._in(self._chance.choice([1, 1, 2, 3])), self._tags("containsAny")]}

    def _tagged_and_not(self) -> Document:
        return {"all": [self._tags("containsAny"), self._tags("containsNone")]}

    def _two_tags(self) -> Document:
        return self._tags("containsAll", 2)

    def _country_and_score(self) -> Document:
        return {"all": [self._in(1), self._scored()]}

    def _city_or_state(self) -> Document:
        return {"any": [{"city": {"equals": [self._among(WORDS)]}}, {"state": {"startsWith": [self._among(WORDS)]}}]}

    def _company(self) -> Document:
        return {"company": {self._among(["contains", "endsWith"]): [self._among(WORDS)]}}

    def _custom(self) -> Document:
        low = self._chance.randrange(900)
        points = {"custom": {"key": "points", "number": {"between": {"from": str(low), "to": str(low + 100)}}}}
        return {"all": [points, self._tags("containsAny")]}

    def _spent(self) -> Document:
        return {"all": [{"spent": {"greaterOrEqual": str(1000 * self._chance.randrange(100))}}, self._scored()]}

    def _recent(self) -> Document:
        recent = {"lastActivityAt": {"withinLast": {"days": self._chance.choice([7, 14, 30, 60, 90])}}}
        return {"all": [recent, self._tags("containsAny")]}

    def _negations(self) -> Document:
        return {"all": [{"country": {"notEquals": [self.country()]}}, {"status": {"notEquals": [self._choice(STATUSES)]}}]}

    def _nested(self) -> Document:
        inner = {"all": [self._tags("containsAny"), {"any": [self._scored(), self._company()]}]}
        return {"all": [{"any": [inner, self._tagged_in_country()]}, {"not": self._tags("containsAny")}]}

    def _member(self, number: int) -> Document:
        # Of a group with a lower number, so that there is no circle.
        below = to_global_id("Group", self._chance.randrange(1, max(2, number)))
        return {"all": [{"group": {"memberOfAny": [below]}}, self._in(2)]} if number > 1 else self._in(1)
