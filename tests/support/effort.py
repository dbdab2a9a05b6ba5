"""How hard the laws are tried: a little in every run of the suite, and as long as one likes in `make prove`."""

import os

EFFORT = int(os.environ.get("MUSTER_TEST_EFFORT", "1"))


def examples(count: int) -> int:
    """So many examples, times the effort that was asked for."""
    return count * EFFORT
