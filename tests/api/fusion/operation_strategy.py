"""Operations drawn from the schema: whatever it allows, small enough to be answered in milliseconds."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from hypothesis import strategies as st

from crm.customers.models import Customer
from crm.customers.queries import named_within
from crm.invoices.models import Invoice
from crm.kernel.ids import Kind
from crm.kernel.paging import encode_cursor, order_of
from tests.api.fusion.world import ABSENT_IDS, BAD_CURSORS, BAD_IDS, BAD_VALUES, SEARCHES, World

DEEPEST = 6
MOST_FIELDS = 24
MOST_ROWS = 90  # that are read one by one in the plain way
_SIZES = (*(1, 2, 3, 5, 7, 100) * 6, 0, 101, -1)
_PAGING = frozenset({"first", "after", "last", "before"})
_ODD_ALIASES = (
    *(
        "t",
        "c1",
        "c2",
        "o",
        "r",
        "p1",
        "id",
        "name",
        "fusion_n",
        "value",
        "place",
        "nodes",
        "select",
        "_",
        "A",
    ),
    *("a_response_key_that_is_longer_than_the_63_bytes_of_a_name_in_postgresql", "Name"),
)
_UNLIKELY = frozenset({"importTemplate", "importTemplateUrl", "customerFields", "importFields", "jobBacklog"})
_TYPES = {
    Kind.ACTIVITY: "Activity",
    Kind.API_TOKEN: "ApiToken",
    Kind.BUSINESS_UNIT: "BusinessUnit",
    Kind.CONTACT: "Contact",
    Kind.CUSTOMER: "Customer",
    Kind.DELIVERY: "Delivery",
    Kind.EMAIL_TEMPLATE: "EmailTemplate",
    Kind.HISTORY_ENTRY: "HistoryEntry",
    Kind.IMPORT: "Import",
    Kind.INVOICE: "Invoice",
    Kind.INVOICE_LINE: "InvoiceLine",
    Kind.JOB: "Job",
    Kind.LEGAL_ENTITY: "LegalEntity",
    Kind.NUMBER_SERIES: "NumberSeries",
    Kind.PAYMENT: "Payment",
    Kind.PICK_LIST_ITEM: "PickListItem",
    Kind.SEGMENT: "Segment",
    Kind.SEGMENT_MEMBERSHIP: "SegmentMembership",
    Kind.USER: "User",
}
KIND_OF = {name: kind.value for kind, name in _TYPES.items()}
_KINDS_OF_FIELDS = {
    **dict.fromkeys(("owner", "accountManager", "serviceManager", "user"), "usr"),
    **dict.fromkeys(("statusLabel", "customerGroup", "industry", "source", "serviceProvision"), "pli"),
    "unit": "unit",
    "unitId": "unit",
    "legalEntity": "ent",
    "invoiceType": "pli",
    "customer": "cus",
    "contact": "con",
    "segment": "seg",
    "subjectId": "cus",
    "activity": "act",
    "invoice": "inv",
    "import": "imp",
}
_ORDERS: Mapping[str, tuple[type[Any], Mapping[str, str], tuple[str, ...]]] = {
    "CustomerConnection": (
        Customer,
        {"NAME": "sort_name", "EMAIL": "sort_email", "CITY": "address_city", "COUNTRY": "address_country"},
        ("sort_name", "id"),
    ),
    "InvoiceConnection": (
        Invoice,
        {"NET": "net_total", "GROSS": "gross_total", "DUE": "due_total"},
        ("-created_at", "-id"),
    ),
}


class Enum(str):
    """The name of an enum's value: bare in a document, a string in JSON."""

    __slots__ = ()


@dataclass(frozen=True)
class Variable:
    name: str


class Absent:
    """No value at all, which is not null."""


@dataclass
class Declared:
    """A variable of the operation with its default, its value, and another it may have."""

    type: str
    default: Any
    value: Any
    other: Any


@dataclass
class Operation:
    document: str
    variables: dict[str, Any]
    others: dict[str, Any]
    """Other values for the same variables."""

    def __repr__(self) -> str:
        return f"Operation(\n{self.document}\nvariables={self.variables!r}\nothers={self.others!r})"


def operations(schema: GraphQLSchema, world: World) -> st.SearchStrategy[Operation]:
    @st.composite
    def made(draw: st.DrawFn) -> Operation:
        return _Writer(draw, schema, world).operation()

    return made()


def literal(value: Any) -> str:
    """A value as it stands in a document."""
    match value:
        case Variable():
            return f"${value.name}"
        case Enum():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{name}: {literal(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(literal(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


@dataclass
class _Fragment:
    name: str
    text: str
    width: int


@dataclass
class _Writer:
    draw: st.DrawFn
    schema: GraphQLSchema
    world: World
    variables: dict[str, Declared] = field(default_factory=dict)
    fragments: dict[str, list[_Fragment]] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    fields: int = MOST_FIELDS
    rows: int = MOST_ROWS
    inside: bool = False
    """Whether a variable's own value is being drawn, which holds no variable."""

    def operation(self) -> Operation:
        query = self.schema.query_type
        assert query is not None
        selections = self.selections(query, 1, 0, most=3)
        head = ", ".join(f"${name}: {self._declaration(each)}" for name, each in self.variables.items())
        text = f"query{f' ({head})' if head else ''} {selections}"
        bodies = [
            f"fragment {each.name} on {kind} {each.text}"
            for kind, all_ in self.fragments.items()
            for each in all_
        ]
        values, others = (
            {name: plain for name, each in self.variables.items() if (plain := choose(each)) is not Absent}
            for choose in (lambda each: each.value, lambda each: each.other)
        )
        return Operation("\n".join([text, *bodies]), values, others)

    def _declaration(self, declared: Declared) -> str:
        given = "" if declared.default is Absent else f" = {literal(declared.default)}"
        return f"{declared.type}{given}"

    # --- choices -------------------------------------------------------------------------------------------

    def pick(self, choices: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(choices))

    def number(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def rarely(self, often: int = 8) -> bool:
        """True once in so many times; the simplest is False."""
        return self.number(0, often - 1) == often - 1

    # --- selections ----------------------------------------------------------------------------------------

    def selections(
        self, kind: Any, width: int, depth: int, *, most: int = 5, hints: Sequence[str] = (), at: str = ""
    ) -> str:
        parts = [self._selection(kind, width, depth, hints, at) for _ in range(self.number(1, most))]
        indent = "  " * (depth + 1)
        return "{\n" + "".join(f"{indent}{part}\n" for part in parts) + "  " * depth + "}"

    def _selection(self, kind: Any, width: int, depth: int, hints: Sequence[str], at: str) -> str:
        self.fields -= 1
        if is_abstract_type(kind):
            return self._of_abstract(kind, width, depth, hints)
        roll = self.number(0, 19)
        if roll == 19 and depth < DEEPEST:
            return self._spread(kind, width, depth, at)
        if roll == 18 and depth < DEEPEST:
            return self._inline(kind, width, depth, at)
        if roll == 17:
            return "__typename" + self._directive()
        return self._field(kind, width, depth, at)

    def _of_abstract(self, kind: Any, width: int, depth: int, hints: Sequence[str]) -> str:
        match self.number(0, 5):
            case 0:
                return self._field(kind, width, depth, "")
            case 1:
                return "__typename" + self._directive()
            case 2 if depth < DEEPEST:
                return self._spread(kind, width, depth, "")
        possible = [*hints] * 6 + sorted(each.name for each in self.schema.get_possible_types(kind))
        name = self.pick(possible)
        chosen = self.schema.type_map[name]
        return f"... on {name}{self._directive()} {self.selections(chosen, width, depth + 1)}"

    def _spread(self, kind: Any, width: int, depth: int, at: str) -> str:
        known = [each for each in self.fragments.get(kind.name, ()) if each.width >= width]
        if known and self.draw(st.booleans()):
            return f"...{self.pick(known).name}{self._directive()}"
        text = self.selections(kind, width, depth + 1, most=3, at=at)
        number = sum(len(each) for each in self.fragments.values()) + 1
        made = _Fragment(f"F{number}", text, width)
        self.fragments.setdefault(kind.name, []).append(made)
        return f"...{made.name}{self._directive()}"

    def _inline(self, kind: Any, width: int, depth: int, at: str) -> str:
        interfaces = [each.name for each in getattr(kind, "interfaces", ())]
        on = self.pick(["", f" on {kind.name}", *(f" on {name}" for name in interfaces)])
        inner = (
            self.schema.type_map[on.removeprefix(" on ")] if on in {f" on {n}" for n in interfaces} else kind
        )
        return f"...{on}{self._directive()} {self.selections(inner, width, depth + 1, most=3, at=at)}"

    def _directive(self) -> str:
        if not self.rarely(12):
            return ""
        name = self.pick(("include", "skip"))
        condition = GraphQLNonNull(self.schema.type_map["Boolean"])
        return f" @{name}(if: {literal(self.value(condition, 'if'))})"

    # --- fields --------------------------------------------------------------------------------------------

    def _field(self, kind: GraphQLObjectType | GraphQLInterfaceType, width: int, depth: int, at: str) -> str:
        name = self.pick(self._candidates(kind, width, depth))
        definition: GraphQLField = kind.fields[name]
        place = f"{kind.name}.{name}"
        arguments = self._arguments(kind, name, definition, width)
        text = f"({', '.join(f'{n}: {literal(v)}' for n, v in arguments.items())})" if arguments else ""
        key = self._key(name, text, str(definition.type))
        head = f"{key}{text}{self._directive()}"
        inner = get_named_type(definition.type)
        if is_leaf_type(inner):
            return head
        wide = self._width(kind, name, definition, arguments, width)
        at = at if name in {"nodes", "edges", "pageInfo", "node"} and at else place
        return f"{head} {self.selections(inner, wide, depth + 1, hints=self._hints(arguments), at=at)}"

    def _candidates(
        self, kind: GraphQLObjectType | GraphQLInterfaceType, width: int, depth: int
    ) -> list[str]:
        leaves, others = [], []
        for name, definition in kind.fields.items():
            (leaves if is_leaf_type(get_named_type(definition.type)) else others).append(name)
        if kind is self.schema.query_type:
            return [n for n in others if n not in _UNLIKELY] * 4 + [n for n in kind.fields if n in _UNLIKELY]
        wanted = depth < DEEPEST and self.fields > 0 and width <= self.rows
        parts = kind.name.endswith(("Connection", "Edge"))
        if not leaves or (parts and "cursor" not in leaves):
            return (others * 3 + leaves) if others else leaves
        return leaves + (others * (2 if parts else 1) if wanted else [])

    def _key(self, name: str, arguments: str, kind: str) -> str:
        """The response key with its alias; the same key always means the same."""
        signature = (name, arguments, kind)
        if self.rarely(6):
            alias = self.pick(_ODD_ALIASES)
            if self.keys.setdefault(alias, signature) == signature:
                return f"{alias}: {name}"
        if self.keys.setdefault(name, signature) == signature:
            return name
        number = len(self.keys)
        self.keys[f"a{number}"] = signature
        return f"a{number}: {name}"

    def _width(
        self, kind: Any, name: str, definition: GraphQLField, arguments: Mapping[str, Any], width: int
    ) -> int:
        """How many rows stand below, reckoned; what the plain way reads one by one is paid for."""
        if name in {"nodes", "edges", "pageInfo", "node"} and kind is not self.schema.query_type:
            return width
        many = is_list_type(get_nullable_type(definition.type))
        paged = str(get_named_type(definition.type)).endswith("Connection")
        self.rows -= width
        if not (many or paged):
            return width
        sizes = [self.plain(arguments[n]) for n in ("first", "last") if n in arguments]
        usual = 12 if width == 1 else 3
        size = min([usual, *(each for each in sizes if isinstance(each, int) and each > 0)])
        return width * size

    def _hints(self, arguments: Mapping[str, Any]) -> list[str]:
        given = self.plain(arguments.get("id") or arguments.get("ids") or [])
        ids = given if isinstance(given, list) else [given]
        names = {kind.value: name for kind, name in _TYPES.items()}
        prefixes = {str(each).rpartition("_")[0] for each in ids}
        return sorted(names[prefix] for prefix in prefixes if prefix in names)

    # --- arguments -----------------------------------------------------------------------------------------

    def _arguments(self, kind: Any, name: str, definition: GraphQLField, width: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        connection = str(get_named_type(definition.type))
        for argument, described in definition.args.items():
            if argument in _PAGING and "after" in definition.args:
                continue
            if self._wanted(described):
                found[argument] = self.value(described.type, argument if argument != "id" else name)
        if "after" in definition.args:
            found |= self._paging(f"{kind.name}.{name}", connection, definition, found, width)
        return found

    def _wanted(self, described: Any) -> bool:
        required = is_non_null_type(described.type) and str(described.default_value) == "Undefined"
        return required or self.rarely(3)

    def _paging(
        self, place: str, connection: str, definition: GraphQLField, given: Mapping[str, Any], width: int
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        shape = self.number(0, 9)
        wide = width > 3  # many lists at once: short ones
        if shape in (1, 2, 3, 4) or (wide and shape < 5):
            found["first"] = self.value(definition.args["first"].type, "size")
        if shape in (5, 6, 7, 8):
            found["last"] = self.value(definition.args["last"].type, "size")
        cursors = self._cursors(place, connection, given)
        for name, likely in (("after", (2, 3, 8)), ("before", (4, 6, 7, 8))):
            if shape in likely:
                found[name] = self.value(definition.args[name].type, name, lambda: self._cursor(cursors))
        return found

    def _cursor(self, cursors: Callable[[], Sequence[str]]) -> str:
        return self.pick(BAD_CURSORS) if self.rarely(12) else self.pick(cursors() or BAD_CURSORS)

    def _cursors(self, place: str, connection: str, given: Mapping[str, Any]) -> Callable[[], Sequence[str]]:
        """Cursors of the list's own rows in the order that was asked for."""
        if connection in _ORDERS and not isinstance(self.plain(given.get("search")), str):
            orders = self.plain(given.get("orderBy")) or []
            return lambda: self._reckoned(connection, orders if isinstance(orders, list) else [orders])
        return lambda: self.world.cursors.get(place, ())

    def _reckoned(self, connection: str, orders: Iterable[Mapping[str, str]]) -> list[str]:
        model, columns, usual = _ORDERS[connection]
        names = [
            ("-" if each.get("direction") == "DESC" else "")
            + columns.get(each["field"], each["field"].lower())
            for each in orders
        ]
        order = order_of(model.all().order_by(*(named_within(names) or usual)))
        return [encode_cursor(row, order) for row in self.world.rows[model.__name__]]

    # --- values --------------------------------------------------------------------------------------------

    def plain(self, value: Any) -> Any:
        """The value without its variables, as far as it is known."""
        match value:
            case Variable():
                declared = self.variables[value.name]
                chosen = declared.default if declared.value is Absent else declared.value
                return None if chosen is Absent else chosen
            case dict():
                return {name: self.plain(each) for name, each in value.items()}
            case list():
                return [self.plain(each) for each in value]
        return value

    def value(self, kind: Any, name: str, leaf: Callable[[], Any] | None = None, depth: int = 0) -> Any:
        """A value for a place of that type: written out, or a variable."""
        if not self.inside and self.rarely(4):
            return self._variable(kind, name, leaf, depth)
        if not is_non_null_type(kind) and self.rarely(15):
            return None
        kind = get_nullable_type(kind)
        if isinstance(kind, GraphQLList):
            return self._list(kind, name, leaf, depth)
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, depth)
        if isinstance(kind, GraphQLEnumType):
            return Enum(self.pick(list(kind.values)))
        return leaf() if leaf else self._leaf(kind.name, name)

    def _variable(self, kind: Any, name: str, leaf: Callable[[], Any] | None, depth: int) -> Variable:
        self.inside = True

        def drawn() -> Any:
            return self.value(kind, name, leaf, depth)

        value = drawn()
        default = drawn() if self.rarely(4) else Absent
        if default is None and is_non_null_type(kind):
            default = Absent
        loose = not is_non_null_type(kind) or default is not Absent
        declared = Declared(
            str(kind),
            default,
            Absent if loose and self.rarely(5) else value,
            drawn() if self.rarely(2) else value,
        )
        self.inside = False
        made = Variable(f"v{len(self.variables) + 1}")
        self.variables[made.name] = declared
        return made

    def _list(self, kind: GraphQLList[Any], name: str, leaf: Callable[[], Any] | None, depth: int) -> Any:
        one = kind.of_type
        if self.rarely(8):
            single = self.value(one, name, leaf, depth)
            if not isinstance(single, Variable | type(None)):
                return single
            return [single] if single is not None else []
        return [self.value(one, name, leaf, depth) for _ in range(self.number(0, 3))]

    def _object(self, kind: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        names = [n for n in kind.fields if depth < 3 or n not in {"and", "or", "not"}]
        required = [
            n
            for n, each in kind.fields.items()
            if is_non_null_type(each.type) and str(each.default_value) == "Undefined"
        ]
        optional = [n for n in names if n not in required]
        chosen = self.draw(st.lists(st.sampled_from(optional), max_size=2, unique=True)) if optional else []
        return {
            n: self.value(kind.fields[n].type, self._named(kind, n), depth=depth + 1)
            for n in [*required, *chosen]
        }

    def _named(self, kind: GraphQLInputObjectType, name: str) -> str:
        """Operators are named for the field they belong to."""
        if kind.name.endswith("Filter") and name in {"and", "or", "not", "some", "none", "every"}:
            return name
        inner = kind.fields[name].type
        if isinstance(get_named_type(inner), GraphQLInputObjectType):
            self.about = name
            return name
        return getattr(self, "about", name)

    def _leaf(self, kind: str, name: str) -> Any:  # noqa: PLR0911  one line a type
        if self.rarely(25) and kind in BAD_VALUES:
            return self.pick(BAD_VALUES[kind])
        match kind:
            case "ID":
                return self._id(name)
            case "Boolean":
                return self.draw(st.booleans())
            case "Int":
                return self.pick(_SIZES) if name in {"size", "first"} else self._sample("Int", name)
            case "String" if name == "search":
                return self.pick(SEARCHES)
            case "String":
                return self._text(name)
        return self._sample(kind, name)

    def _id(self, name: str) -> str:
        known = self.world.ids
        kind = _KINDS_OF_FIELDS.get(name) or KIND_OF.get(name[:1].upper() + name[1:])
        if self.rarely(12):
            return self.pick((*BAD_IDS, *ABSENT_IDS))
        if kind in known and not self.rarely(10):
            return self.pick(known[kind])
        return self.pick(known[self.pick(sorted(known))])

    def _sample(self, kind: str, name: str) -> Any:
        return self.pick(self.world.samples.get(f"{kind}.{name}") or self.world.samples[kind])

    def _text(self, name: str) -> str:
        text: str = self._sample("String", name)
        match self.number(0, 3):
            case 1:
                return text[: self.number(0, 6)]
            case 2:
                return text[1:3].swapcase()
        return text
