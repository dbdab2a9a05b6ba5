"""How large criteria may be: every bound with its default."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CriteriaLimits:
    """The bounds of one document of criteria; beyond any of them it is refused as TOO_COMPLEX."""

    depth: int = 8
    leaves: int = 250
    values: int = 1000
    value_bytes: int = 1024
