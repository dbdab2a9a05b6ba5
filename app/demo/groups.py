"""The groups of the demo data, which show what criteria can express."""

from collections.abc import Mapping
from typing import Any

Criteria = Mapping[str, Any]

GROUPS: Mapping[str, Criteria] = {
    "Clients in Canada or Mexico": {
        "contacts": {"all": [{"country": {"equals": ["Canada", "Mexico"]}}, {"tags": {"containsAny": [{"name": "Client"}]}}]}
    },
    "Upcoming appointments": {"appointments": {"startsAt": {"onOrAfter": {"now": {}}}}},
    "Clients who may be called": {
        "contacts": {
            "all": [
                {"tags": {"containsAll": [{"name": "Client"}, {"name": "Newsletter"}]}},
                {"tags": {"containsNone": [{"name": "Do not call"}]}},
                {"phone": {"isEmpty": False}},
            ]
        }
    },
    "Quiet for a month": {"contacts": {"lastActivityAt": {"before": {"now": {"months": -1}}}}},
    "In Québec or Montréal": {"contacts": {"any": [{"state": {"equals": ["Québec"]}}, {"city": {"startsWith": ["Mont"]}}]}},
    "Owners and heads, not dormant": {
        "contacts": {
            "all": [
                {"jobTitle": {"startsWith": ["Owner", "Head"]}},
                {"not": {"status": {"equals": ["Dormant", "Lost"]}}},
            ]
        }
    },
}
