"""Answers of different servers, made comparable: the same data is the same value, whatever envelope it came in."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_PUBLIC_ID = re.compile(r"[a-z]+_([0-9a-f]{32})")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_PARTS = ("address",)  # objects whose fields other servers have beside them


def canonical(data: Any) -> Any:
    """`data` of a GraphQL answer without what may differ between servers that say the same.

    Connections become their nodes, amounts plain numbers, ids bare keys, instants UTC; a cursor only counts as there.
    Pages asked for under the aliases p0, p1, … become one list of customers.
    """
    if isinstance(data, dict) and "p0" in data:
        pages = [canonical(data[f"p{number}"]) for number in range(len(data))]
        return {"customers": [row for page in pages for row in page]}
    if isinstance(data, dict):
        return _object(data)
    if isinstance(data, list):
        return [canonical(each) for each in data]
    return _text(data) if isinstance(data, str) else data


def _object(data: dict[str, Any]) -> Any:
    if data.keys() == {"nodes"}:
        return canonical(data["nodes"])
    if data.keys() == {"amount"}:
        return canonical(data["amount"])
    found: dict[str, Any] = {}
    for name, value in data.items():
        if name in _PARTS and isinstance(value, dict):
            found |= canonical(value)
        elif name == "endCursor":
            found[name] = bool(value)
        elif name == "search":
            found["customers"] = canonical(value)
        else:
            found[name] = canonical(value)
    return found


def _text(text: str) -> Any:
    if found := _PUBLIC_ID.fullmatch(text):
        return found[1]
    if _UUID.fullmatch(text):
        return text.replace("-", "")
    if _INSTANT.fullmatch(text):
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    if _DECIMAL.fullmatch(text):
        return Decimal(text).normalize()
    return text


def difference(left: Any, right: Any, path: str = "data") -> str | None:
    """Where two canonical answers first differ, in words; None when they are the same."""
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        inner = (difference(left[name], right[name], f"{path}.{name}") for name in left)
        return next((found for found in inner if found), None)
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return next((found for n, (a, b) in pairs if (found := difference(a, b, f"{path}[{n}]"))), None)
    return None if left == right else f"{path}: {left!r:.120} is not {right!r:.120}"
