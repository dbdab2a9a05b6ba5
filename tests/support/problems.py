"""The problems of a refused call, in a form that tests compare."""

import pytest

from models.errors import ProblemCode, Refused


def problems(raised: pytest.ExceptionInfo[Refused]) -> list[tuple[ProblemCode, tuple[str, ...]]]:
    """What is wrong and where."""
    return [(problem.code, problem.path) for problem in raised.value.problems]
