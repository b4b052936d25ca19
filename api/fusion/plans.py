"""Plans: a compiled field, kept by what its SQL depends on; the values are bound on every request."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from graphql import FieldNode, FragmentSpreadNode, VariableNode, Visitor, visit
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from api.fusion.chosen import Choice, Chosen, choice_of, marked_choice, structure_of_choice
from api.fusion.compiler import Compiler, Details
from api.fusion.memory import Memory
from api.fusion.references import Uncompilable
from api.fusion.structure import Marker, Reader, Slot, SlotText, Unstructured, parts, read, varies
from api.fusion.values import Rows
from api.fusion.windows import Window

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A parameter: value number `index` as it is encoded, with the signs of a LIKE pattern around it."""

    index: int
    encode: Callable[[Any], Any]
    before: str = ""
    behind: str = ""
    is_text: bool = False

    def of(self, values: Sequence[Any]) -> Any:
        value = self.encode(values[self.index])
        return f"{self.before}{value}{self.behind}" if self.is_text else value


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement that answers with the JSON of one field."""

    sql: str
    parameters: tuple[Any, ...]
    whole: bool
    """Whether it goes through a whole list, to count or to group."""
    varies: bool
    """Whether the server should plan it for the values of each request: made once, its plan would be wrong for some."""

    def bind(self, values: Sequence[Any]) -> list[Any]:
        return [each.of(values) if type(each) is _Bound else each for each in self.parameters]


class Statement:
    """A plan with the values of a request."""

    __slots__ = ("parameters", "sql", "varies", "whole")

    def __init__(self, plan: Plan, values: Sequence[Any]) -> None:
        self.sql = plan.sql
        self.whole = plan.whole
        self.varies = plan.varies
        self.parameters = plan.bind(values)


_PIECES = re.compile(r"""E'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\d+)""", re.DOTALL)
_SELECT = "select "


def together(statements: Sequence[Statement], texts: Memory[str]) -> tuple[str, list[Any]]:
    """One statement of a column for each, and its parameters. `texts` keeps its SQL by theirs."""
    if len(statements) == 1:
        return statements[0].sql, statements[0].parameters
    key = tuple([each.sql for each in statements])
    sql = texts.get(key)
    if sql is None:
        columns, taken = [], 0
        for each in statements:
            columns.append(_renumbered(each.sql.removeprefix(_SELECT), taken))
            taken += len(each.parameters)
        sql = texts[key] = _SELECT + ", ".join(columns)
    return sql, [value for each in statements for value in each.parameters]


def _renumbered(sql: str, taken: int) -> str:
    """The SQL with its parameters numbered from `taken` on; what looks like one in a literal or name stays."""

    def moved(piece: re.Match[str]) -> str:
        return piece[0] if piece[1] is None else f"${int(piece[1]) + taken}"

    return _PIECES.sub(moved, sql)


class Plans:
    """The plans of one schema, the least used forgotten.

    A plan is known by the nodes of the document it came from, so the entry keeps them: an id lives as long as its node.
    """

    def __init__(self, limit: int = 2000) -> None:
        self._known: Memory[tuple[Plan | None, tuple[FieldNode, ...]]] = Memory(limit)
        self._variables: Memory[tuple[FieldNode, frozenset[str] | None]] = Memory(limit)
        self.refused: dict[str, str] = {}
        """`Type.field` of every field that was found to be beyond SQL, with the reason."""

    def __len__(self) -> int:
        """How many plans are kept."""
        return len(self._known)

    def find(
        self,
        value: "QuerySet[Any] | Window[Any] | Rows[Any] | Chosen | Choice",
        kind: Any,
        details: Details,
        variables: Mapping[str, Any],
        executor: Callable[[], Any],
    ) -> Statement | None:
        """The statement that answers with what a resolver returned; None: resolve it the plain way.

        Raises what Tortoise raises for a value that does not fit its column.
        """
        nodes = tuple([each.node for each in details])
        if isinstance(value, Chosen):
            choice = self._choice(value, details)
            return self.find(choice, kind, details, variables, executor) if choice else None
        try:
            structure, values = structure_of(value)
        except Unstructured as reason:
            log.debug("a plan that cannot be kept", reason=str(reason))
            plan = self._compiled(value, kind, details, executor, None)
            return Statement(plan, ()) if plan else None
        key = (*[id(node) for node in nodes], structure, self._nested(nodes, variables))
        found = self._known.get(key)
        if found is None:
            plan = self._compiled(value, kind, details, executor, Marker(once=_repeats(value)))
            self._known[key] = (plan, nodes)
        else:
            plan = found[0]
        return Statement(plan, values) if plan else None

    def _choice(self, chosen: Chosen, details: Details) -> Choice | None:
        directives = [each.name.value for detail in details for each in detail.node.directives or ()]
        if "stream" in directives:
            return None  # its items are wanted one after the other
        try:
            return choice_of(chosen)
        except Unstructured as reason:
            self.refused[details[0].node.name.value] = str(reason)
            return None

    def _compiled(
        self, value: Any, kind: Any, details: Details, executor: Callable[[], Any], marker: Marker | None
    ) -> Plan | None:
        try:
            compiler = Compiler(executor())
            sql = compiler.complete(marked(value, marker) if marker else value, kind, details)
            texts = marker.texts if marker else []
            bound = tuple(_parameter(each, texts) for each in compiler.values)
            return Plan(_SELECT + sql, bound, compiler.whole, _varies(value))
        except (Uncompilable, Unstructured) as reason:
            field = getattr(reason, "field", details[0].node.name.value)
            log.debug("not fused", field=field, reason=str(reason))
            self.refused[field] = str(reason)
            return None

    def _nested(self, nodes: tuple[FieldNode, ...], variables: Mapping[str, Any]) -> Hashable:
        """The values of the variables that are used below the field: they are part of the plan."""
        if not variables:
            return None
        used: list[tuple[str, str]] = []
        for node in nodes:
            names = self._used_below(node)
            used += [(n, repr(v)) for n, v in variables.items() if names is None or n in names]
        return tuple(used)

    def _used_below(self, node: FieldNode) -> frozenset[str] | None:
        """The variables used in a field's selections; None for any, since a fragment stands elsewhere."""
        found = self._variables.get(id(node))
        if found is None:
            finder = _Finder()
            if node.selection_set:
                visit(node.selection_set, finder)
            found = (node, None if finder.spreads else frozenset(finder.names))
            self._variables[id(node)] = found
        return found[1]


class _Finder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.spreads = False

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names.add(node.name.value)

    def enter_fragment_spread(self, _node: FragmentSpreadNode, *_: Any) -> None:
        self.spreads = True


def structure_of(value: Any) -> tuple[Hashable, list[Any]]:
    """The key and the values of what `Compiler.complete` takes. Raises Unstructured."""
    if isinstance(value, Rows):
        key, values = read(value.query)
        return (value.make, key), values
    if isinstance(value, Choice):
        return structure_of_choice(value)
    if not isinstance(value, Window):
        return read(value)
    repeats = _repeats(value)
    reader, model = Reader(once=repeats), value.queryset.model
    reader.query(value.queryset)
    if repeats:
        reader.query(value.source)
    reader.conditions(value.beyond, model)
    reader.conditions(value.behind, model)
    return (value.size, value.backward, reader.key), reader.values


def _repeats(value: Any) -> bool:
    """Whether conditions stand in several queries of it: in the list's and in that of its page."""
    return isinstance(value, Window) and value.source is not value.queryset


def _varies(value: Any) -> bool:
    """Of what `Compiler.complete` takes. Where a page begins is no such thing: it is walked to along its order."""
    if isinstance(value, Choice):
        return False
    if isinstance(value, Rows):
        return varies(value.query)
    return varies(value.queryset if isinstance(value, Window) else value)


def marked(value: Any, marker: Marker) -> Any:
    """The same with slots for values, numbered as `structure_of` lists them."""
    if isinstance(value, Rows):
        return Rows(marker.query(value.query), value.make)
    if isinstance(value, Choice):
        return marked_choice(value, marker)
    if not isinstance(value, Window):
        return marker.query(value)
    return MarkedWindow(value, marker)


class MarkedWindow(Window[Any]):
    """A page whose values are slots."""

    def __init__(self, window: Window[Any], marker: Marker) -> None:
        model = window.queryset.model
        self._window = window
        self.queryset = marker.query(window.queryset)
        self._source = marker.query(window.source) if _repeats(window) else self.queryset
        self._beyond = marker.conditions(window.beyond, model)
        self._behind = marker.conditions(window.behind, model)

    @property
    def source(self) -> QuerySet[Any]:
        return self._source

    @property
    def size(self) -> int:
        return self._window.size

    @property
    def backward(self) -> bool:
        return self._window.backward

    @property
    def beyond(self) -> Sequence[Q]:
        return self._beyond

    @property
    def behind(self) -> Sequence[Q]:
        return self._behind

    @property
    def walk(self) -> Sequence[str]:
        return self._window.walk

    def cursor_sql(self, column: Callable[[str], str]) -> str:
        return self._window.cursor_sql(column)


def _parameter(value: Any, texts: Sequence[SlotText]) -> Any:
    """What is bound for a value that the compiler met: itself, or what a slot stands for."""
    if isinstance(value, Slot):
        return _Bound(value.index, value.encode)
    if isinstance(value, str):
        for before, text, behind in parts(value, texts):
            return _Bound(text.slot.index, text.slot.encode, before, behind, is_text=True)
    return value
