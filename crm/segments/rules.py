"""What a segment is made of, and what its rule speaks of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from crm.kernel.errors import Problem
from crm.kernel.fields import Field, table
from crm.kernel.ids import InvalidId, Kind, decode
from crm.kernel.values import parse_multiline, parse_text

MAX_AT_ONCE = 1000
"""Customers that may be added or removed by one action."""

FIELDS = table(
    Field("name", ("name",), partial(parse_text, max_length=120), required=True),
    Field("description", ("description",), partial(parse_multiline, max_length=2000)),
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a rule speaks of other segments: `ids` are those it names, None when it does not say which."""

    path: tuple[str, ...]
    ids: frozenset[UUID] | None


def mentions(rule: Mapping[str, Any], path: tuple[str, ...] = ("rule",)) -> Iterator[Mention]:
    """Every condition on segments in a rule that compiles, at any depth."""
    for name, value in rule.items():
        here = (*path, name)
        if name in {"and", "or"}:
            for number, each in enumerate(value or ()):
                yield from mentions(each, (*here, str(number)))
        elif name == "not" and value is not None:
            yield from mentions(value, here)
        elif name == "segments" and value is not None:
            yield from (
                Mention((*here, how), _named(how, inner)) for how, inner in value.items() if inner is not None
            )


def _named(how: str, inner: Mapping[str, Any]) -> frozenset[UUID] | None:
    """`some` and `none` of segments given by `segment: {eq}` or `{in}` depend on those alone."""
    given = inner.get("segment") or {}
    listed = given.get("in") or ([given["eq"]] if given.get("eq") else None)
    if how == "every" or listed is None:
        return None
    try:
        return frozenset(decode(Kind.SEGMENT, each) for each in listed)
    except InvalidId:
        return None


def unnamed(rule: Mapping[str, Any]) -> list[Problem]:
    """A rule that does not say of which segments it speaks would depend on itself: 'is in no segment'."""
    message = "Say which segments you mean: use 'some' or 'none' with 'segment', by 'eq' or 'in'."
    return [Problem(each.path, "SEGMENT_NOT_NAMED", message) for each in mentions(rule) if each.ids is None]
