"""QuerySet and selection set into SQL: one expression whose value is the finished JSON of a field.

Objects are made by `row_to_json` and `json_agg` over a subselect with the response keys as column names, which
PostgreSQL does 1.4 to 2.6 times faster than `json_build_object`. A relation is a subselect that refers to the row
around it. Which columns a resolver uses is found by running it on a stand-in row (see `references`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
)
from graphql.execution.values import get_argument_values
from pypika_tortoise.dialects import PostgreSQLQuery
from tortoise.expressions import Q
from tortoise.fields.relational import ReverseRelation
from tortoise.queryset import CountQuery, QuerySet, ValuesQuery

from api.fusion.chosen import Choice, chosen_sql
from api.fusion.parameters import Parameters
from api.fusion.passes import Pass, columns_of
from api.fusion.references import Each, Present, Reference, Uncompilable, quoted
from api.fusion.rows import stand_in, types_of_models
from api.fusion.scalars import leaf
from api.fusion.values import Rows, copied, stand_in_of
from api.fusion.windows import Window

Details = Any
"""graphql-core's list of the field nodes that share a response key."""

_LONGEST_NAME = 63  # bytes of an identifier in PostgreSQL
_MOST_PAIRS = 50  # arguments of a function: 100
_ROW = '"."'  # a name that is no response key: PostgreSQL would take a column of the row's name for the row


class _Planning:
    """What a resolver gets as `info` at planning time: nothing, for a plan serves every caller."""

    def __getattr__(self, name: str) -> NoReturn:
        raise Uncompilable(f"a nested resolver reads info.{name}")


@dataclass(frozen=True, slots=True)
class _Source:
    """What a field is resolved on: a stand-in row and its alias, or an object that a resolver made."""

    value: Any
    alias: str | None = None


class Compiler:
    """Compiles one field; `values` are the parameters of its SQL, in order; `whole`: it goes through a whole list."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._parameters = Parameters()
        self._aliases = 0
        self.whole = False

    @property
    def values(self) -> list[Any]:
        return self._parameters.values

    # --- values --------------------------------------------------------------------------------------------

    def complete(self, value: Any, kind: Any, details: Details) -> str:  # noqa: C901, PLR0911  a line a kind of value
        """The SQL of a value that a resolver returned for a field of the type `kind`."""
        kind = get_nullable_type(kind)
        if isinstance(value, Present):
            missing = " and ".join(f"{column.sql} is null" for column in value.columns)
            return f"case when {missing} then null else {self.complete(value.value, kind, details)} end"
        if isinstance(value, CountQuery):
            self.whole = True
            return f"({self._sql(value)})"
        if isinstance(get_named_type(kind), GraphQLScalarType | GraphQLEnumType):
            return leaf(value, kind)
        if isinstance(value, Window):
            return self.connection(value, kind, details)
        if isinstance(value, ReverseRelation):
            value = value.all()
        if isinstance(value, QuerySet):
            return self._rows(value, kind, details)
        if isinstance(value, Choice):
            return self._chosen(value, kind, details)
        if isinstance(value, Each | Rows):
            return self._made(value, get_named_type(kind), details)
        if value is None:
            return "null"
        if isinstance(kind, GraphQLObjectType) and hasattr(value, "__strawberry_definition__"):
            return _built(self._fields(kind, details, _Source(value)))
        raise Uncompilable(f"a {type(value).__name__} where {kind} is promised")

    def _rows(self, queryset: QuerySet[Any], kind: Any, details: Details) -> str:
        if queryset._raise_does_not_exist:
            raise Uncompilable("a QuerySet that must find its row")
        many = isinstance(kind, GraphQLList)
        if many == queryset._single:
            raise Uncompilable(f"{'one row' if many else 'rows'} where {kind} is promised")
        alias = self._alias()
        columns = self._columns(self._type_of(queryset, kind), details, queryset, alias)
        rows = self._source(_narrowed(queryset, alias, [sql for _, sql in columns]))
        return _aggregated(columns, f"({rows}) {alias}", many=many)

    def _columns(
        self, kind: GraphQLObjectType, details: Details, queryset: QuerySet[Any], alias: str
    ) -> list[tuple[str, str]]:
        row = stand_in(queryset.model, alias, queryset._annotations)
        return self._fields(kind, details, _Source(row, alias))

    def _type_of(self, queryset: QuerySet[Any], kind: Any) -> GraphQLObjectType:
        named = get_named_type(kind)
        if is_abstract_type(named):
            named = types_of_models(self._executor.schema).get(queryset.model)
        if not isinstance(named, GraphQLObjectType):
            raise Uncompilable(f"no type shows {queryset.model.__name__}")
        return named

    def _chosen(self, choice: Choice, kind: Any, details: Details) -> str:
        """A list with the row of each place, or null."""
        if not choice.queries:
            raise Uncompilable("nothing is chosen")
        found = []
        for place, queryset in enumerate(choice.queries, 1):
            alias = self._alias()
            columns = self._columns(self._type_of(queryset, kind), details, queryset, alias)
            record = _aggregated(columns, "", many=False)
            key = f'{alias}."{queryset.model._meta.db_pk_column}"'
            rows = self._source(_narrowed(queryset, alias, [record, key]))
            found.append(f"select {place}, {key}, {record} from ({rows}) {alias}")
        context = PostgreSQLQuery.SQL_CONTEXT.copy(parameterizer=self._parameters)
        return chosen_sql(choice, " union all ".join(found), context)

    def _made(self, value: "Each | Rows[Any]", kind: GraphQLObjectType, details: Details) -> str:
        alias = self._alias()
        if isinstance(value, Rows):
            self.whole = True
            made = value.make(stand_in_of(value.query, alias))
            rows = f"({self._source(value.query)}) {alias}"
        else:
            made, rows = value.elements(alias)
        return _aggregated(self._fields(kind, details, _Source(made)), rows, many=True)

    # --- fields --------------------------------------------------------------------------------------------

    def _fields(self, kind: GraphQLObjectType, details: Details, source: _Source) -> list[tuple[str, str]]:
        """Response key and SQL of each selected field."""
        selected = self._executor.collect_subfields(kind, details).grouped_field_set
        return [(key, self._field(kind, source, each)) for key, each in selected.items()]

    def _field(self, parent: GraphQLObjectType, source: _Source, details: Details) -> str:
        name = details[0].node.name.value
        if name == "__typename":
            return quoted(parent.name) + "::text"
        try:
            value = self._resolved(parent, source, details[0])
            return self.complete(value, parent.fields[name].type, details)
        except Uncompilable as reason:
            if getattr(reason, "field", None) is None:
                reason.field = f"{parent.name}.{name}"  # type: ignore[attr-defined]
            raise

    def _resolved(self, parent: GraphQLObjectType, source: _Source, detail: Any) -> Any:
        """What the field's resolver returns for the stand-in row."""
        definition = parent.fields[detail.node.name.value]
        declared = definition.extensions["strawberry-definition"]
        if (sql := declared.metadata.get("sql")) and source.alias:
            return Reference(sql.format(t=source.alias), finished=True)
        if declared.is_async:
            raise Uncompilable("an async resolver")
        executor = self._executor
        try:
            arguments = (
                get_argument_values(
                    definition, detail.node, executor.variable_values, detail.fragment_variable_values
                )
                if definition.args
                else {}
            )
            return definition.resolve(source.value, _Planning(), **arguments)
        except Uncompilable:
            raise
        except (
            Exception
        ) as error:  # whatever it cannot do with references; the plain way tells its own mistakes
            raise Uncompilable(f"{type(error).__name__}: {error}") from error

    # --- connections ---------------------------------------------------------------------------------------

    def connection(self, window: Window[Any], kind: GraphQLObjectType, details: Details) -> str:
        """The SQL of a connection. Its rows are read once, whatever is selected of them."""
        selected = self._executor.collect_subfields(kind, details).grouped_field_set
        if list(_names(selected)) in (["nodes"], ["edges"]) and not window.backward:
            ((key, only),) = selected.items()
            alias = self._alias()
            columns = self._part(window, kind, only, alias)
            page = _narrowed(self._ordered(window).limit(window.size), alias, [sql for _, sql in columns])
            part = _aggregated(columns, f"({self._source(page)}) {alias}", many=True)
            return f"json_build_object({quoted(key)}, {part})"
        return self._several(window, kind, selected)

    def _several(self, window: Window[Any], kind: GraphQLObjectType, selected: dict[str, Details]) -> str:
        """One pass over the page and one row more, which says whether there is another page."""
        page = Pass(f"p{self._alias()}", self._alias(), window.size)
        pairs = []
        for key, details in selected.items():
            match details[0].node.name.value:
                case "__typename":
                    sql = quoted(kind.name) + "::text"
                case "totalCount":
                    self.whole = True
                    sql = f"({self._sql(window.queryset.order_by().count())})"
                case "pageInfo":
                    sql = self._page_info(window, kind, details, page)
                case _:
                    sql = page.rows(_record(self._part(window, kind, details, page.row)))
            pairs.append((key, sql))
        built = _built(pairs)
        if not page.taken:
            return built  # nothing but a count
        walk = self._ordered(window).limit(window.size + 1)
        rows = self._source(_narrowed(walk, page.row, page.taken))
        known = {*window.queryset.model._meta.fields_db_projection.values(), *window.queryset._annotations}
        return f"(select {built} from ({page.over(rows, known, backward=window.backward)}) {page.name})"

    def _ordered(self, window: Window[Any]) -> QuerySet[Any]:
        found = window.source.filter(*window.beyond) if window.beyond else window.source
        return found.order_by(*window.walk)

    def _part(
        self, window: Window[Any], kind: GraphQLObjectType, details: Details, alias: str
    ) -> list[tuple[str, str]]:
        """The columns of an element of `nodes` or `edges`, of the row `alias`."""
        name = details[0].node.name.value
        field = kind.fields.get(name)
        if name not in {"nodes", "edges"} or field is None:
            raise Uncompilable(f"{kind.name}.{name} is no part of a connection that is known here")
        named = get_named_type(field.type)
        if name == "edges":
            return self._edge(window, named, details, alias)
        return self._columns(self._type_of(window.queryset, named), details, window.queryset, alias)

    def _edge(
        self, window: Window[Any], kind: GraphQLObjectType, details: Details, alias: str
    ) -> list[tuple[str, str]]:
        columns = []
        for key, each in self._executor.collect_subfields(kind, details).grouped_field_set.items():
            match each[0].node.name.value:
                case "__typename":
                    sql = quoted(kind.name) + "::text"
                case "cursor":
                    sql = self._cursor(window, alias)
                case "node":
                    node = self._type_of(window.queryset, kind.fields["node"].type)
                    inner = self._columns(node, each, window.queryset, alias)
                    sql = _aggregated(inner, "", many=False)
                case name:
                    raise Uncompilable(f"{kind.name}.{name} is no part of an edge that is known here")
            columns.append((key, sql))
        return columns

    def _cursor(self, window: Window[Any], alias: str) -> str:
        return self._cursor_of(window, lambda column: f'{alias}."{column}"')

    def _cursor_of(self, window: Window[Any], column: Callable[[str], str]) -> str:
        projection = window.queryset.model._meta.fields_db_projection
        return window.cursor_sql(lambda name: column(projection.get(name, name)))

    def _page_info(self, window: Window[Any], kind: GraphQLObjectType, details: Details, page: Pass) -> str:
        named = get_named_type(kind.fields["pageInfo"].type)
        pairs = []
        for key, each in self._executor.collect_subfields(named, details).grouped_field_set.items():
            name = each[0].node.name.value
            if name == "__typename":
                sql = quoted(named.name) + "::text"
            elif name in {"hasNextPage", "hasPreviousPage"}:
                onward = (name == "hasPreviousPage") == window.backward
                sql = page.more() if onward else self._behind(window)
            elif name in {"startCursor", "endCursor"}:
                place = page.first if name == "startCursor" else page.last
                sql = f"case when {page.any()} then {self._cursor_of(window, place)} end"
            else:
                raise Uncompilable(f"{named.name}.{name} is no part of a PageInfo that is known here")
            pairs.append((key, sql))
        return _built(pairs)

    def _behind(self, window: Window[Any]) -> str:
        """Whether there are rows on the side the walk came from."""
        if not window.behind:
            return "false"
        found = window.queryset.filter(*window.behind).order_by().only(window.queryset.model._meta.pk_attr)
        return f"exists({self._sql(found)})"

    # --- SQL -----------------------------------------------------------------------------------------------

    def _source(self, queryset: "QuerySet[Any] | ValuesQuery[Any]") -> str:
        """The QuerySet's own SQL. Its size is written out: with a bound one the server would plan again each time."""
        limit, offset = queryset._limit, queryset._offset
        bare: Any = copied(queryset) if isinstance(queryset, ValuesQuery) else queryset._clone()
        bare._limit = bare._offset = None
        if queryset._single:
            limit = None if _by_key(queryset) else 1
        sql = self._sql(bare)
        sql += f" limit {int(limit)}" if limit is not None else ""
        return sql + (f" offset {int(offset)}" if offset else "")

    def _sql(self, query: Any) -> str:
        query._choose_db_if_not_chosen()
        query._make_query()
        context = query.query.QUERY_CLS.SQL_CONTEXT.copy(parameterizer=self._parameters)
        return str(query.query.get_sql(context))

    def _alias(self) -> str:
        self._aliases += 1
        return f"c{self._aliases}"


def _narrowed(queryset: QuerySet[Any], alias: str, used: Iterable[str]) -> QuerySet[Any]:
    """The QuerySet with no more columns than `used`, expressions over its rows by the name `alias`, speak of; its annotations
    stay, it may be ordered by them.

    PostgreSQL would carry the others along, as nulls, through every sort and limit.
    """
    if queryset._distinct:
        return queryset
    meta, names = queryset.model._meta, columns_of(alias, used)
    wanted = [field for field, column in meta.fields_db_projection.items() if column in names]
    return queryset.only(*wanted or [meta.pk_attr], *queryset._annotations)


def _by_key(queryset: Any) -> bool:
    """Whether a query of one table names the primary key. A LIMIT would keep the server from folding it into the query
    around it, which is a third of the cost of a relation.
    """
    meta = queryset.model._meta
    own = {"pk", *meta.fields_db_projection}
    conditions = queryset._q_objects
    if any(type(q) is not Q or q.children or q._is_negated for q in conditions):
        return False
    names = [name for q in conditions for name in q.filters]
    if any(name.partition("__")[0] not in own for name in names):
        return False
    told = [q for q in conditions if q.join_type == Q.AND and {"pk", meta.pk_attr} & q.filters.keys()]
    return bool(told) and not queryset._offset


def _names(selected: dict[str, Details]) -> Iterable[str]:
    return (details[0].node.name.value for details in selected.values())


def _aggregated(columns: Sequence[tuple[str, str]], rows: str, *, many: bool) -> str:
    """The JSON of `rows` (what follows FROM; nothing: of the row around) with these columns."""
    selected, record = _selected(columns)
    source = f" from {rows}" if rows else ""
    if many:
        return f"(select coalesce(json_agg({record}), '[]'::json) from (select {selected}{source}) {_ROW})"
    if record == _ROW:
        record = f"row_to_json({_ROW})"
    return f"(select {record} from (select {selected}{source}) {_ROW})"


def _record(columns: Sequence[tuple[str, str]]) -> str:
    """A record with these columns of the row around, for an aggregate."""
    selected, record = _selected(columns)
    return f"(select {record} from (select {selected}) {_ROW})"


def _selected(columns: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """What follows SELECT, and what of it is shown: the record, for its columns are named like the response keys, unless
    one of those is too long for a name.
    """
    if any(len(key.encode()) > _LONGEST_NAME for key, _ in columns):
        return f"{_built(columns)} as o", f"{_ROW}.o"
    return ", ".join(f'{sql} as "{key}"' for key, sql in columns), _ROW


def _built(pairs: Sequence[tuple[str, str]]) -> str:
    if len(pairs) > _MOST_PAIRS:
        raise Uncompilable(f"an object of more than {_MOST_PAIRS} fields")
    return f"json_build_object({', '.join(f'{quoted(key)}, {sql}' for key, sql in pairs)})"
