"""Relay connections over un-awaited QuerySets."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar, cast

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from tortoise import Model
from tortoise.fields.relational import ReverseRelation
from tortoise.queryset import QuerySet

from crm.kernel import paging
from crm.kernel.paging import PageRequest

N = TypeVar("N")
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


class Page(Generic[M]):
    """A QuerySet and the page asked of it. The executor awaits only what the query selects; rows are read once."""

    def __init__(self, queryset: QuerySet[M], request: PageRequest) -> None:
        self.queryset = queryset
        self.request = request
        self.order = paging.order_of(queryset)
        self._rows: asyncio.Task[tuple[list[M], bool]] | None = None

    def window(self) -> QuerySet[M]:
        """The un-awaited rows of the page and one more, in the direction of the walk."""
        request, queryset = self.request, self.queryset
        for cursor, argument, backward in ((request.after, "after", False), (request.before, "before", True)):
            if cursor is not None:
                values = paging.decode_cursor(queryset, self.order, cursor, argument)
                queryset = queryset.filter(paging.beyond(self.order, values, backward=backward))
        walk = paging.reversed_order if request.backward else paging.forward_order
        return queryset.order_by(*walk(self.order)).limit(request.size + 1)

    async def _read(self) -> tuple[list[M], bool]:
        rows = await self.window()
        more = len(rows) > self.request.size
        rows = rows[: self.request.size]
        return (rows[::-1] if self.request.backward else rows), more

    async def _page(self) -> tuple[list[M], bool]:
        if self._rows is None:
            self._rows = asyncio.ensure_future(self._read())
        return await self._rows

    @property
    def nodes(self) -> Coroutine[Any, Any, list[M]]:
        return self._nodes()

    async def _nodes(self) -> list[M]:
        return (await self._page())[0]

    @property
    def edges(self) -> Coroutine[Any, Any, list[Edge[M]]]:
        return self._edges()

    async def _edges(self) -> list[Edge[M]]:
        rows, _ = await self._page()
        return [Edge(cursor=paging.encode_cursor(row, self.order), node=row) for row in rows]

    @property
    def page_info(self) -> Coroutine[Any, Any, PageInfo]:
        return self._page_info()

    async def _page_info(self) -> PageInfo:
        rows, more = await self._page()
        backward = self.request.backward
        return PageInfo(
            has_next_page=await self._beyond(rows, backward=False) if backward else more,
            has_previous_page=more if backward else await self._beyond(rows, backward=True),
            start_cursor=paging.encode_cursor(rows[0], self.order) if rows else None,
            end_cursor=paging.encode_cursor(rows[-1], self.order) if rows else None,
        )

    async def _beyond(self, rows: list[M], *, backward: bool) -> bool:
        """Whether there are rows on the side the walk came from."""
        if not (self.request.before if not backward else self.request.after):
            return False
        if not rows:
            return True
        edge = rows[0] if backward else rows[-1]
        values = [getattr(edge, column.name) for column in self.order]
        return await self.queryset.filter(paging.beyond(self.order, values, backward=backward)).exists()

    @property
    def total_count(self) -> Coroutine[Any, Any, int]:
        return self._total_count()

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
