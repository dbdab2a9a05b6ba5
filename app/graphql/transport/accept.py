"""Content negotiation: the media type that the client's Accept header prefers, and whether it wants gzip."""

from typing import NamedTuple

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
EVENTS = "text/event-stream"
OFFERED = (JSON, GRAPHQL_JSON, EVENTS)  # the first is for clients without a preference


class _Range(NamedTuple):
    """One entry of an Accept or Accept-Encoding header. A higher rank is preferred."""

    name: str
    quality: float
    position: int

    @property
    def rank(self) -> tuple[float, int]:
        return self.quality, -self.position


def preferred(accept: str | None) -> str | None:
    """The offered media type that the client prefers: by quality, then in the order of its list. None if it accepts none."""
    ranges = [_parse(part, position) for position, part in enumerate((accept or "*/*").split(","))]
    matches = {offered: match for offered in OFFERED if (match := _most_specific(offered, ranges)) and match.quality > 0}
    return max(matches, key=lambda offered: matches[offered].rank, default=None)


def prefers_gzip(accept_encoding: str) -> bool:
    """Whether the client accepts gzip, and with no less quality than an uncompressed answer."""
    qualities = {each.name: each.quality for each in (_parse(part) for part in accept_encoding.split(","))}
    others = qualities.get("*", 0.0)
    gzip = qualities.get("gzip", qualities.get("x-gzip", others))
    return gzip > 0 and gzip >= qualities.get("identity", others)


def _most_specific(offered: str, ranges: list[_Range]) -> _Range | None:
    for name in (offered, f"{offered.partition('/')[0]}/*", "*/*"):
        for candidate in ranges:
            if candidate.name == name:
                return candidate
    return None


def _parse(part: str, position: int = 0) -> _Range:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    return _Range(name, next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0), position)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
