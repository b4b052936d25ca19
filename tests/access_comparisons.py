"""Every operator of every field that can be filtered by: who reaches one unit finds what an admin finds in that unit.

The operands are as wide as they can be, so that most conditions hold for the other unit's records, too, and would count
them if they could. `telling` are the operators of which that is so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from access_cells import KINDS, TYPES, absent, meant_by, operands
from access_matrix import Matrix
from access_world import Side
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type

from crm.kernel.clock import today

AT_ONCE = 100
"""Conditions in one request."""
DOORS = {
    "customers": ("CustomerFilter", "{ unit: { in: %s } }", "BusinessUnit"),
    "invoices": ("InvoiceFilter", "{ customer: { in: %s } }", "Customer"),
    "activities": ("ActivityFilter", "{ customer: { in: %s } }", "Customer"),
}
"""By list: its filter, and what narrows it to the records of one unit, named by ids of a type."""
Operands = Mapping[str, Sequence[str]]
"""By operator, as they are written in a document."""
NUMBERS: Operands = {
    **dict.fromkeys(("lt", "lte"), ("30000",)),
    **dict.fromkeys(("gt", "gte"), ("-1",)),
    "ne": ["-7"],
    "notIn": ["[-7]"],
    "between": ["[-1, 30000]"],
    "eq": ["0", "19", "50", "100", "119", "1000"],
    "in": ["[0, 19, 50, 100, 119, 1000]"],
}
INSTANTS: Operands = {
    **dict.fromkeys(("lt", "lte"), ('"2100-01-01T00:00:00Z"',)),
    **dict.fromkeys(("gt", "gte"), ('"1900-01-01T00:00:00Z"',)),
    "between": ['["1900-01-01T00:00:00Z", "2100-01-01T00:00:00Z"]'],
}
Condition = tuple[str, str, str]
"""`Filter.field.operator`, the operator with its operand's type, and the filter."""


def comparisons(filter_name: str, far: Side, *, depth: int = 2) -> Iterator[Condition]:
    """Conditions on each field, by each operator, that hold for what belongs to `far` where that can be had."""
    for name, operand in operands(filter_name):
        if "some" in operand.fields and depth:
            inner = get_named_type(operand.fields["some"].type).name
            for told, operator, condition in comparisons(inner, far, depth=depth - 1):
                yield f"{filter_name}.{name}.some.{told}", operator, f"{{ {name}: {{ some: {condition} }} }}"
        elif "some" not in operand.fields:
            for operator, value in _operands(name, operand, far):
                condition = f"{{ {name}: {{ {operator}: {value} }} }}"
                yield f"{filter_name}.{name}.{operator}", f"{operand.name}.{operator}", condition


def _operands(name: str, operand: GraphQLInputObjectType, far: Side) -> Iterator[tuple[str, str]]:
    values = _values(name, operand, far)
    for operator in operand.fields:
        given = values.get(operator) or ["true", "false"]  # isNull, isEmpty, eq of a Boolean
        yield from ((operator, each) for each in given)


def _values(name: str, operand: GraphQLInputObjectType, far: Side) -> Operands:
    tags: Operands = {"has": [f'"{far.mark}"'], **dict.fromkeys(("hasAny", "hasAll"), (f'["{far.mark}"]',))}
    known: dict[str, Operands] = {
        "TextFilter": _texts(name, far.mark),
        "TagsFilter": tags,
        "IdFilter": _ids(name, far),
        "DecimalFilter": NUMBERS,
        "IntFilter": NUMBERS,
        "DateFilter": _days(),
        "DateTimeFilter": INSTANTS,
        "BooleanFilter": {},
    }
    return known[operand.name] if operand.name in known else _choices(operand)


def _choices(operand: GraphQLInputObjectType) -> Operands:
    enum = get_named_type(operand.fields["eq"].type)
    assert isinstance(enum, GraphQLEnumType), operand.name
    all_of = list(enum.values)
    return {"eq": all_of, "in": [f"[{', '.join(all_of)}]"], "ne": all_of, "notIn": [f"[{all_of[-1]}]"]}


EXACT = {
    "name": ("{} customer", "{} contact", "{} segment", "{} dynamic"),
    "title": ("{} call",),
    "email": ("{}@customer.example", "{}-c@customer.example"),
    "accountNumber": ("{}-ACC",),
    "city": ("{} address_city",),
    "state": ("{} address_state",),
    "vatId": ("{} vat_id",),
    "externalId": ("{} external_id",),
    "registrationNumber": ("{} registration_number",),
    "customerReference": ("{} reference",),
    "country": ("DE",),
    "currency": ("EUR",),
    "language": ("en",),
    "postcode": ("28195",),
}
"""What the records of a unit hold, around its mark."""
OTHER_CODES = {"country": "FI", "currency": "XAF", "language": "fi"}
"""Of what no record has; a word that is no code is refused."""


def _texts(name: str, mark: str) -> Operands:
    words = [each.format(mark) for each in EXACT.get(name, ("{}",))]
    other = OTHER_CODES.get(name, "xx")
    return {
        "eq": [f'"{each}"' for each in words],
        "in": [_listed(words)],
        "ne": [f'"{other}"'],
        "notIn": [f'["{other}"]'],
        "contains": [f'"{mark}"', '"e"'],
        "startsWith": [f'"{mark.lower()}"'],
    }


def _ids(name: str, far: Side) -> Operands:
    meant = meant_by(name)
    known, nobody = far.ids.get(meant, []), absent(KINDS[meant])
    return {
        "eq": [f'"{each}"' for each in (*known, nobody)],
        "in": [_listed([*known, nobody])],
        "ne": [f'"{nobody}"'],
        "notIn": [f'["{nobody}"]'],
    }


def _days() -> Operands:
    some = [f'"{today() + timedelta(days=each)}"' for each in (0, 30)] + ['"2026-01-01"', '"2028-09-27"']
    return {
        **dict.fromkeys(("lt", "lte"), ('"2100-01-01"',)),
        **dict.fromkeys(("gt", "gte"), ('"1900-01-01"',)),
        "between": ['["1900-01-01", "2100-01-01"]'],
        "eq": some,
        "in": [f"[{', '.join(some)}]"],
        "ne": ['"1900-01-01"'],
        "notIn": ['["1900-01-01"]'],
    }


async def by_comparison(matrix: Matrix) -> set[str]:
    """Lists and aggregates by every condition. Returns the operators that would have told of the other unit."""
    telling: set[str] = set()
    for viewer in matrix.strangers():
        if viewer != "anonymous":
            for door in DOORS:
                telling |= await _compared(matrix, viewer, door)
    return telling


async def _compared(matrix: Matrix, viewer: str, door: str) -> set[str]:
    near, far = matrix.sides(viewer)[0][0], matrix.far(viewer)
    some = list(comparisons(DOORS[door][0], far))
    listed = await _counts(matrix, viewer, door, some)
    added_up = await _counts(matrix, viewer, door, some, aggregate=True)
    wanted = await _counts(matrix, "admin", door, [_within(near, door, each) for each in some])
    everywhere = await _counts(matrix, "admin", door, some)
    for (cell, _, condition), *counts in zip(some, listed, added_up, wanted, strict=True):
        matrix.cells |= {(cell, viewer, f"{way}: {door}") for way in ("comparison", "comparison, added up")}
        if len(set(counts)) > 1:
            matrix.leaks.append(f"{viewer}: {counts} of {door} by {condition}")
    return {some[n][1] for n in range(len(some)) if everywhere[n] > wanted[n]}


def _within(near: Side, door: str, asked: Condition) -> Condition:
    """The same for an admin to ask: only of the unit's records, and of its segments."""
    cell, operator, condition = asked
    _, narrowing, type_name = DOORS[door]
    begin, end = "{ segments: { some: ", " } }"
    if condition.startswith(begin):
        inner, own = (
            condition[len(begin) : -len(end)],
            f"{{ segment: {{ in: {_listed(near.ids['Segment'])} }} }}",
        )
        condition = f"{begin}{{ and: [{inner}, {own}] }}{end}"
    return cell, operator, f"{{ and: [{condition}, {narrowing % _listed(near.ids[type_name])}] }}"


def _listed(values: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in values) + "]"


async def _counts(
    matrix: Matrix, viewer: str, door: str, some: list[Condition], *, aggregate: bool = False
) -> list[int]:
    place = (
        f"{door}Aggregate(filter: %s) {{ count }}" if aggregate else f"{door}(filter: %s) {{ totalCount }}"
    )
    found: list[int] = []
    for start in range(0, len(some), AT_ONCE):
        asked = (f"a{n}: {place % each[2]}" for n, each in enumerate(some[start : start + AT_ONCE]))
        answer = await matrix.ask(viewer, "{ " + " ".join(asked) + " }")
        assert "errors" not in answer, (door, answer["errors"][:2])
        found += [_count(each) for each in answer["data"].values()]
    return found


def _count(answer: Any) -> int:
    """Of a list, or of an aggregate's groups."""
    return sum(each["count"] for each in answer) if isinstance(answer, list) else int(answer["totalCount"])


def operators() -> set[str]:
    """All there are, with their operands' types."""
    found: set[str] = set()
    for filter_name, _, _ in DOORS.values():
        found |= _operators(filter_name)
    return found


def _operators(filter_name: str) -> set[str]:
    kind = TYPES[filter_name]
    assert isinstance(kind, GraphQLInputObjectType)
    found: set[str] = set()
    for name, field in kind.fields.items():
        operand = get_named_type(field.type)
        if name in {"and", "or", "not"} or not isinstance(operand, GraphQLInputObjectType):
            continue
        if "some" in operand.fields:
            found |= _operators(get_named_type(operand.fields["some"].type).name)
        else:
            found |= {f"{operand.name}.{each}" for each in operand.fields}
    return found
