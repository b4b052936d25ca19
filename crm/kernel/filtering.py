"""The shared typed filter: a JSON value that lists, dynamic segments, exports and bulk actions all understand.

Its form is the API's: camelCase fields, each with operators (`eq ne in notIn lt lte gt gte contains startsWith
isNull between`), joined by `and`, `or`, `not`, and `some`/`none`/`every` over related records. A room declares its
fields in a `FilterSet`; `compile_filter` turns a value into a Tortoise Q.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from uuid import UUID

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Not
from tortoise import Model
from tortoise.expressions import Q, ResolveContext, Subquery
from tortoise.query_utils import QueryModifier

from crm.kernel.errors import InvalidInput, Problem
from crm.kernel.ids import InvalidId, Kind, decode
from crm.kernel.search import contains, may_hold, starts_with
from crm.kernel.values import currency_codes, parse_currency

MAX_DEPTH = 8
MAX_TERMS = 100
MAX_VALUES = 500


class Operand(StrEnum):
    """What a field holds; it decides which operators it has."""

    TEXT = "TEXT"
    ENUM = "ENUM"
    ID = "ID"
    NUMBER = "NUMBER"
    WHOLE = "WHOLE"
    DATE = "DATE"
    INSTANT = "INSTANT"
    FLAG = "FLAG"
    TAGS = "TAGS"


_COMPARE = {"eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "between", "isNull"}
OPERATORS: dict[Operand, frozenset[str]] = {
    Operand.TEXT: frozenset({"eq", "ne", "in", "notIn", "contains", "startsWith", "isNull"}),
    Operand.ENUM: frozenset({"eq", "ne", "in", "notIn", "isNull"}),
    Operand.ID: frozenset({"eq", "ne", "in", "notIn", "isNull"}),
    Operand.NUMBER: frozenset(_COMPARE),
    Operand.WHOLE: frozenset(_COMPARE),
    Operand.DATE: frozenset(_COMPARE),
    Operand.INSTANT: frozenset(_COMPARE),
    Operand.FLAG: frozenset({"eq"}),
    Operand.TAGS: frozenset({"has", "hasAny", "hasAll", "isEmpty"}),
}


_VARYING = {Operand.TEXT, Operand.NUMBER, Operand.WHOLE, Operand.DATE, Operand.INSTANT}
_SOME_CODES = 100  # more of them are met soon on a walk along any order


@dataclass(frozen=True, slots=True)
class FilterField:
    """`column` is the model's field; `kind` the id's kind; `choices` the enum; `build` replaces the usual compilation.

    `means`: what a text that whole values are compared with stands for; it raises ValueError with a sentence. `varies`:
    whether its values differ so much in how many rows have them that a list is planned for each; None: as those of its
    operand and operator do. False for what an index has in the order of lists, however many it is.
    """

    operand: Operand
    column: str = ""
    kind: Kind | None = None
    choices: type[StrEnum] | None = None
    build: Callable[[str, Any], Q] | None = None
    means: Callable[[str], str] | None = None
    varies: bool | None = None


@dataclass(frozen=True, slots=True)
class FilterRelation:
    """Related records: rows of `model` whose `key` column names this record; `where` narrows them for good."""

    model: Callable[[], type[Model]]
    key: str
    filters: Callable[[], "FilterSet"]
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FilterSet:
    fields: Mapping[str, FilterField]
    relations: Mapping[str, FilterRelation] = field(default_factory=dict)


def compile_filter(value: Mapping[str, Any], filters: FilterSet) -> Q:
    """The Q of a filter. Raises InvalidInput naming every wrong field with its path."""
    compiler = _Compiler()
    compiled = compiler.group(value, filters, ("filter",), 0)
    if compiler.problems:
        raise InvalidInput(compiler.problems)
    return compiled


def everything() -> Q:
    return Q(id__isnull=False)


def nothing() -> Q:
    return Q(id__isnull=True)


def opposite(condition: Q) -> Q:
    """Where the condition does not hold, a missing value included: SQL's own NOT would leave such rows out."""
    return Q(_Opposite(condition))


class _Opposite(Q):
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        found = super().resolve(resolve_context)
        return QueryModifier(where_criterion=_NotTrue(found.where_criterion), joins=found.joins)


class _Varying(Q):
    """Tells whoever plans a list by it that how many rows there are depends on its values."""

    varies = True


class _NotTrue(Not):
    def get_sql(self, ctx: SqlContext) -> str:
        return f"({self.term.get_sql(ctx.copy(subcriterion=False))}) IS NOT TRUE"


class _Compiler:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.terms = 0

    def wrong(self, path: tuple[str, ...], message: str) -> Q:
        self.problems.append(Problem(path, "INVALID_FILTER", message))
        return nothing()

    def group(self, value: Any, filters: FilterSet, path: tuple[str, ...], depth: int) -> Q:
        """All conditions of one object hold together."""
        if not isinstance(value, Mapping):
            return self.wrong(path, "A filter is an object of fields.")
        if depth > MAX_DEPTH:
            return self.wrong(path, f"Filters may be nested {MAX_DEPTH} deep at most.")
        parts = [
            self.member(name, given, filters, (*path, name), depth)
            for name, given in value.items()
            if given is not None
        ]
        return Q(*parts) if parts else everything()

    def member(self, name: str, given: Any, filters: FilterSet, path: tuple[str, ...], depth: int) -> Q:
        self.terms += 1
        if self.terms > MAX_TERMS:
            return self.wrong(path, f"A filter may have {MAX_TERMS} conditions at most.")
        if name in {"and", "or"}:
            return self.joined(name, given, filters, path, depth)
        if name == "not":
            return opposite(self.group(given, filters, path, depth + 1))
        if name in filters.fields:
            return self.field(filters.fields[name], given, path)
        if name in filters.relations:
            return self.relation(filters.relations[name], given, path, depth)
        return self.wrong(path, f"There is no field '{name}' to filter by.")

    def joined(self, name: str, given: Any, filters: FilterSet, path: tuple[str, ...], depth: int) -> Q:
        if not isinstance(given, list | tuple):
            return self.wrong(path, f"'{name}' takes a list of filters.")
        parts = [self.group(each, filters, (*path, str(n)), depth + 1) for n, each in enumerate(given)]
        if not parts:
            return everything() if name == "and" else nothing()
        return Q(*parts, join_type=Q.AND if name == "and" else Q.OR)

    def relation(self, relation: FilterRelation, given: Any, path: tuple[str, ...], depth: int) -> Q:
        if not isinstance(given, Mapping):
            return self.wrong(path, "Use 'some', 'none' or 'every' here.")
        parts = []
        for quantifier, inner in given.items():
            if inner is None:
                continue
            if quantifier not in {"some", "none", "every"}:
                return self.wrong((*path, quantifier), "Use 'some', 'none' or 'every' here.")
            condition = self.group(inner, relation.filters(), (*path, quantifier), depth + 1)
            matching = opposite(condition) if quantifier == "every" else condition
            rows = relation.model().filter(matching, **relation.where).values(relation.key)
            held = Q(id__in=Subquery(rows))
            parts.append(held if quantifier == "some" else ~held)
        return Q(*parts) if parts else everything()

    def field(self, spec: FilterField, given: Any, path: tuple[str, ...]) -> Q:
        if not isinstance(given, Mapping):
            return self.wrong(path, 'Give an operator, such as {"eq": …}.')
        parts = []
        for operator, operand in given.items():
            here = (*path, operator)
            if operand is None:
                continue
            if operator not in OPERATORS[spec.operand]:
                known = ", ".join(sorted(OPERATORS[spec.operand]))
                return self.wrong(here, f"This field has no operator '{operator}'; it has {known}.")
            try:
                value = _operand(spec, operator, operand)
            except (ValueError, TypeError, InvalidOperation, InvalidId) as error:
                return self.wrong(
                    here, f"That value does not fit this field: {str(error).removesuffix('.')}."
                )
            condition = (spec.build or usual(spec.column))(operator, value)
            parts.append(_Varying(condition) if _varies(spec, operator) else condition)
        return Q(*parts) if parts else everything()


def _varies(spec: FilterField, operator: str) -> bool:
    """What one record is named by is one part of an index; several, or all but some, are any number of rows."""
    if spec.varies is not None:
        return spec.varies
    return spec.operand in _VARYING or (spec.operand is Operand.ID and operator in {"in", "ne", "notIn"})


def usual(column: str) -> Callable[[str, Any], Q]:
    """How a column is compared where a field does not say otherwise."""
    return lambda operator, value: _condition(column, operator, value)


def searched(column: str) -> FilterField:
    """A text that is part of its table's `search_text`, whose index finds what may hold another one."""
    compare = usual(column)

    def build(operator: str, value: Any) -> Q:
        found = compare(operator, value)
        match operator:
            case "eq" | "contains" | "startsWith":
                return found & may_hold([value])
            case "in":
                return found & may_hold(value)
        return found

    return FilterField(Operand.TEXT, column, build=build)


def coded(
    column: str,
    means: Callable[[str], str],
    codes: Callable[[], Collection[str]],
    *,
    varies: bool | None = None,
) -> FilterField:
    """A column of codes of capitals, all of which are known: a part of one stands for those that it is a part of, which an
    index finds.
    """
    compare = usual(column)

    def build(operator: str, value: Any) -> Q:
        found = compare(operator, value)
        if operator not in _PATTERNS or not value.isascii():  # PostgreSQL takes the sign of Kelvin for a K
            return found
        part = value.upper()
        holding = [c for c in codes() if (part in c if operator == "contains" else c.startswith(part))]
        return _Varying(found & _q(f"{column}__in", holding)) if len(holding) <= _SOME_CODES else found

    return FilterField(Operand.TEXT, column, build=build, means=means, varies=varies)


def codes_or(usual_form: str, parse: Callable[[str], str]) -> Callable[[str], str]:
    """Codes of the usual form as they are, without a look at the list of all there are; what else people write, parsed."""
    is_usual = re.compile(usual_form).fullmatch
    return lambda text: text if is_usual(text) else parse(text)


CURRENCY = coded("currency", codes_or("[A-Z]{3}", parse_currency), currency_codes)
"""The column `currency` of customers and invoices."""


_SUFFIX = {
    "eq": "",
    "in": "__in",
    "lt": "__lt",
    "lte": "__lte",
    "gt": "__gt",
    "gte": "__gte",
    "contains": "__icontains",
    "startsWith": "__istartswith",
    "has": "__contains",
    "hasAll": "__contains",
    "hasAny": "__overlap",
}
_PATTERNS = {"contains": contains, "startsWith": starts_with}  # of columns of the table itself


def _condition(column: str, operator: str, value: Any) -> Q:
    """`ne` and `notIn` include rows without a value, as people expect of 'is not'."""
    match operator:
        case "ne" | "notIn":
            suffix = "__not" if operator == "ne" else "__not_in"
            return Q(_q(column + suffix, value), _null(column), join_type=Q.OR)
        case "isNull":
            return _null(column) if value else ~_null(column)
        case "between":
            return _q(f"{column}__gte", value[0]) & _q(f"{column}__lte", value[1])
        case "isEmpty":
            return _q(column, []) if value else ~_q(column, [])  # the length of no elements is NULL
    if operator in _PATTERNS and "__" not in column:
        return _PATTERNS[operator](value, column)
    return _q(column + _SUFFIX[operator], value)


def _q(key: str, value: Any) -> Q:
    return Q(**{key: value})


def _null(column: str) -> Q:
    return _q(f"{column}__isnull", value=True)


def _operand(spec: FilterField, operator: str, given: Any) -> Any:
    if operator in {"isNull", "isEmpty"}:
        return _flag(given)
    if operator in {"in", "notIn", "hasAny", "hasAll", "between"}:
        return _values(spec, operator, given)
    value = _value(spec, given)
    if operator == "has":
        return [value]
    return spec.means(value) if spec.means and operator in {"eq", "ne"} else value


def _values(spec: FilterField, operator: str, given: Any) -> list[Any]:
    if not isinstance(given, list | tuple):
        raise TypeError("a list is needed")
    if len(given) > MAX_VALUES:
        raise ValueError(f"a list has {MAX_VALUES} values at most")
    if operator == "between" and len(given) != 2:  # noqa: PLR2004  from and to
        raise ValueError("'between' takes two values, from and to")
    values = [_value(spec, each) for each in given]
    return [*map(spec.means, values)] if spec.means else values


def _value(spec: FilterField, given: Any) -> Any:  # noqa: PLR0911  one line an operand
    match spec.operand:
        case Operand.ENUM:
            return spec.choices(given) if spec.choices else _text(given)
        case Operand.ID:
            return given if isinstance(given, UUID) or spec.kind is None else decode(spec.kind, _text(given))
        case Operand.NUMBER:
            return given if isinstance(given, int | Decimal) else Decimal(_text(given))
        case Operand.WHOLE:
            return _whole(given)
        case Operand.DATE:
            return given if isinstance(given, date) else date.fromisoformat(_text(given))
        case Operand.INSTANT:
            return _instant(given)
        case Operand.FLAG:
            return _flag(given)
        case _:
            return _text(given)


def _instant(given: Any) -> datetime:
    moment = given if isinstance(given, datetime) else datetime.fromisoformat(_text(given))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole(given: Any) -> int:
    """An integer column compares with nothing in between: Tortoise would cut the fraction off."""
    number = given if isinstance(given, int | Decimal) else Decimal(_text(given))
    if number != int(number):
        raise ValueError("a whole number is needed")
    return int(number)


def _flag(given: Any) -> bool:
    if not isinstance(given, bool):
        raise TypeError("true or false is needed")
    return given


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError("a text is needed")
    if "\x00" in given:
        raise ValueError("a text has no zero bytes")
    return given
