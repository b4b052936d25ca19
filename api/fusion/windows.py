"""What fusion asks of a page of a list, so that a whole connection becomes one statement."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from tortoise import Model
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

M = TypeVar("M", bound=Model)


class Window(ABC, Generic[M]):
    """A page of an ordered QuerySet: up to `size` rows on the far side of a cursor.

    `nodes`, `edges { cursor node }`, `pageInfo` and `totalCount` of the GraphQL type are made of it.
    """

    queryset: QuerySet[M]
    """The whole list."""

    @property
    def source(self) -> QuerySet[M]:
        """What the page's rows are read from: the list, or another query that has them, in the same order, and no others
        among them.
        """
        return self.queryset

    @property
    @abstractmethod
    def size(self) -> int:
        """The most rows the page has."""

    @property
    @abstractmethod
    def backward(self) -> bool:
        """Whether the page is the last rows of the list; they are still shown in its order."""

    @property
    @abstractmethod
    def beyond(self) -> Sequence[Q]:
        """What holds of rows on the page's side of the cursors that were given."""

    @property
    @abstractmethod
    def behind(self) -> Sequence[Q]:
        """What holds of rows on the side the walk came from; empty when it began at the list's end."""

    @property
    @abstractmethod
    def walk(self) -> Sequence[str]:
        """`order_by` arguments, in the direction of the walk."""

    @abstractmethod
    def cursor_sql(self, column: Callable[[str], str]) -> str:
        """The SQL of a row's cursor; `column` tells the SQL of one of its columns."""
