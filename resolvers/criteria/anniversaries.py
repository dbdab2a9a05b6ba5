"""Days that come round every year, as ranges of days over all years that the calendar has."""

from calendar import isleap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from models.fields import to_day_number
from resolvers.criteria.ranges import Ranges, normalised
from resolvers.criteria.time import LAST_DAY, moved, start_of_day
from resolvers.criteria.time import Offset

LEAP_YEAR = 2024  # its days number the days of every year: 29 February has one, though other years pass over it
DAYS_IN_LEAP_YEAR = 366
LEAP_DAY = date(LEAP_YEAR, 2, 29).timetuple().tm_yday - 1
