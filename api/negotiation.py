"""Which media type answers a request: what the Accept header names, by its weights, then by its order (RFC 9110)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What this API can answer with."""

    GRAPHQL_RESPONSE = "application/graphql-response+json"
    JSON = "application/json"
    EVENT_STREAM = "text/event-stream"
    SUBSCRIPTION_PARTS = "multipart/mixed;subscriptionSpec"  # Apollo's subscriptions
    DEFERRED_PARTS = "multipart/mixed"  # the parts of @defer and @stream


_WILDCARDS = {"application/*": 1, "*/*": 0}
_EXACT = 2
_PLAIN = (Kind.GRAPHQL_RESPONSE, Kind.JSON)
_STREAMS = (Kind.EVENT_STREAM, Kind.SUBSCRIPTION_PARTS)


class _Range(NamedTuple):
    """One media range. The smallest one is wanted most."""

    disliked: float
    vague: int
    place: int
    kind: Kind


def accepted(accept: str | None) -> tuple[Kind, ...]:
    """The kinds an Accept header admits, the best first; JSON when it names none of them."""
    ranges = [_range(place, part) for place, part in enumerate((accept or "*/*").split(","))]
    kinds = dict.fromkeys(each.kind for each in sorted(filter(None, ranges)))
    return tuple(kinds) or (Kind.JSON,)


def plain(kinds: Sequence[Kind]) -> Kind:
    """The best of the two media types of a whole answer."""
    return next((kind for kind in kinds if kind in _PLAIN), Kind.JSON)


def stream(kinds: Sequence[Kind]) -> Kind | None:
    """The best of the streams a subscription can be read from; None when none is admitted."""
    return next((kind for kind in kinds if kind in _STREAMS), None)


def _range(place: int, part: str) -> _Range | None:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = _quality(parameters)
    kind = _kind(name, parameters)
    if kind is None or quality <= 0:
        return None
    return _Range(-quality, -_WILDCARDS.get(name, _EXACT), place, kind)


def _kind(name: str, parameters: list[str]) -> Kind | None:
    if name in _WILDCARDS:
        return Kind.JSON
    if name == Kind.DEFERRED_PARTS and any(each.startswith("subscriptionspec=") for each in parameters):
        return Kind.SUBSCRIPTION_PARTS
    return next((kind for kind in Kind if kind == name), None)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
