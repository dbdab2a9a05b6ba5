"""The limits on the size of criteria, with their defaults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CriteriaLimits:
    """The limits of one document of criteria. A larger one is refused as TOO_COMPLEX."""

    depth: int = 8
    leaves: int = 250
    values: int = 1000
    patterns: int = 250
    """Texts to look for inside other texts, which no index finds: each is compared with every record."""
    value_bytes: int = 1024
