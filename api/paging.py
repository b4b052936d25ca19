"""Relay connections over un-awaited QuerySets."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any, Generic, TypeVar, cast

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from tortoise import Model
from tortoise.expressions import Q
from tortoise.fields.relational import ReverseRelation
from tortoise.queryset import QuerySet

from api.fusion.windows import Window
from crm.kernel import paging
from crm.kernel.paging import PageRequest

N = TypeVar("N")
T = TypeVar("T")
M = TypeVar("M", bound=Model)


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first row; null on an empty page.")
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last row; pass it as `after` for the next page."
    )


@strawberry.type(description="A row and its place in the list.")
class Edge(Generic[N]):
    cursor: str = strawberry.field(description="The row's place in this order, for `after` and `before`.")
    node: N = strawberry.field(description="The row.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[N]):
    edges: list[Edge[N]] = strawberry.field(description="The rows with their cursors.")
    nodes: list[N] = strawberry.field(description="The rows alone.")
    page_info: PageInfo = strawberry.field(description="Whether there is more, and where to go on.")
    total_count: int = strawberry.field(description="Rows in the whole list. Counted only when asked for.")


class _Later(Generic[T]):
    """Begins when it is awaited. A field that is refused beside this one ends the object, and this is dropped without a word,
    where a coroutine would warn that nobody awaited it.
    """

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._begin = begin

    def __await__(self) -> Generator[Any, Any, T]:
        return self._begin().__await__()


class Page(Window[M]):
    """A QuerySet and the page asked of it: fusion makes one statement of it. Where it cannot, these properties answer,
    and rows are read once.
    """

    def __init__(self, queryset: QuerySet[M], request: PageRequest) -> None:
        self.queryset = queryset
        self.request = request
        self.order = paging.order_of(queryset)
        self._rows: asyncio.Task[tuple[list[M], bool]] | None = None
        after = self._place(request.after, "after")
        before = self._place(request.before, "before")
        onward = not (request.backward or before)
        self._source = paging.next_rows(queryset, after, request.size + 1) if onward else queryset
        self._beyond = [
            paging.beyond(self.order, place, backward=backward)
            for place, backward in ((after, False), (before, True))
            if place
        ]
        came_from = before if request.backward else after
        self._behind = (
            [paging.beyond(self.order, came_from, backward=not request.backward, inclusive=True)]
            if came_from
            else []
        )

    def _place(self, cursor: str | None, argument: str) -> list[Any] | None:
        """The values of a cursor. Raises InvalidInput."""
        if cursor is None:
            return None
        return paging.decode_cursor(self.queryset, self.order, cursor, argument)

    @property
    def source(self) -> QuerySet[M]:
        return self._source

    @property
    def size(self) -> int:
        return self.request.size

    @property
    def backward(self) -> bool:
        return self.request.backward

    @property
    def beyond(self) -> Sequence[Q]:
        return self._beyond

    @property
    def behind(self) -> Sequence[Q]:
        return self._behind

    @property
    def walk(self) -> Sequence[str]:
        return (paging.reversed_order if self.backward else paging.forward_order)(self.order)

    def cursor_sql(self, column: Callable[[str], str]) -> str:
        return paging.cursor_sql(self.queryset, self.order, column)

    async def _read(self) -> tuple[list[M], bool]:
        found = self.source.filter(*self.beyond).order_by(*self.walk)
        rows = await found.limit(self.size + 1)
        more = len(rows) > self.size
        rows = rows[: self.size]
        return (rows[::-1] if self.backward else rows), more

    async def _page(self) -> tuple[list[M], bool]:
        if self._rows is None:
            self._rows = asyncio.ensure_future(self._read())
        return await self._rows

    @property
    def nodes(self) -> "_Later[list[M]]":
        return _Later(self._nodes)

    async def _nodes(self) -> list[M]:
        return (await self._page())[0]

    @property
    def edges(self) -> "_Later[list[Edge[M]]]":
        return _Later(self._edges)

    async def _edges(self) -> list[Edge[M]]:
        rows, _ = await self._page()
        return [Edge(cursor=paging.encode_cursor(row, self.order), node=row) for row in rows]

    @property
    def page_info(self) -> "_Later[PageInfo]":
        return _Later(self._page_info)

    async def _page_info(self) -> PageInfo:
        rows, more = await self._page()
        came_from = bool(self.behind) and await self.queryset.filter(*self.behind).exists()
        return PageInfo(
            has_next_page=came_from if self.backward else more,
            has_previous_page=more if self.backward else came_from,
            start_cursor=paging.encode_cursor(rows[0], self.order) if rows else None,
            end_cursor=paging.encode_cursor(rows[-1], self.order) if rows else None,
        )

    @property
    def total_count(self) -> "_Later[int]":
        return _Later(self._total_count)

    async def _total_count(self) -> int:
        return await self.queryset.order_by().count()


_DESCRIPTIONS = {
    "first": f"Size of the page, from the beginning or after `after`: 1 to {paging.MAX_PAGE}, "
    f"{paging.DEFAULT_PAGE} when neither `first` nor `last` is given.",
    "after": "Rows after this cursor.",
    "last": f"Size of the page, from the end or before `before`: 1 to {paging.MAX_PAGE}.",
    "before": "Rows before this cursor.",
}


class _Paged(FieldExtension):
    """Adds Relay's paging arguments to a resolver that returns a QuerySet."""

    def apply(self, field: StrawberryField) -> None:
        for name, description in _DESCRIPTIONS.items():
            kind = int | None if name in {"first", "last"} else str | None
            field.arguments.append(
                StrawberryArgument(
                    python_name=name,
                    graphql_name=name,
                    type_annotation=strawberry.annotation.StrawberryAnnotation(kind),
                    default=None,
                    description=description,
                )
            )

    def resolve(self, next_: Callable[..., Any], source: Any, info: Any, **kwargs: Any) -> Any:
        request = PageRequest(*(kwargs.pop(name, None) for name in ("first", "after", "last", "before")))
        request.check()
        found = next_(source, info, **kwargs)
        queryset = found.all() if isinstance(found, ReverseRelation) else cast("QuerySet[Any]", found)
        return Page(queryset, request)


def connection(*, description: str) -> Any:
    """Declares a connection field. Its resolver returns an ordered, un-awaited QuerySet, never a list."""
    return strawberry.field(description=description, extensions=[_Paged()])
