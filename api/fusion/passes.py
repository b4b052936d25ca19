"""One pass over the rows of a page, for everything that is selected of it."""

import re
from collections.abc import Collection, Iterable


def columns_of(alias: str, expressions: Iterable[str]) -> set[str]:
    """The columns of the row `alias` that expressions speak of; perhaps a few words more, out of their literals."""
    return set(re.findall(rf'\b{alias}\."?(\w+)', " ".join(expressions)))


class Pass:
    """One pass over the rows of a page, in the order in which they are shown: what is taken of them on the way.

    `row` is the alias of a row, `name` that of the one row that holds what was taken.
    """

    def __init__(self, name: str, row: str, size: int) -> None:
        self.name, self.row = name, row
        self.taken: dict[str, str] = {}
        self._size = size
        self._shown = f"filter (where {row}.fusion_n <= {size})"

    def rows(self, record: str) -> str:
        return self._take(f"coalesce(json_agg({record}) {self._shown}, '[]'::json)")

    def more(self) -> str:
        return self._take(f"count(*) > {self._size}")

    def any(self) -> str:
        return self._take("count(*) > 0")

    def first(self, column: str) -> str:
        return self._take(f"{self._values(column)}[1]")

    def last(self, column: str) -> str:
        return self._take(f"{self._values(column)}[least(count(*), {self._size})]")

    def over(self, rows: str, known: Collection[str], *, backward: bool) -> str:
        """The SELECT that takes all that from `rows`, which come in the order of the walk and have the columns `known`.

        Only those that are used are numbered: the server would carry along the others, a tenth of a page's time.
        """
        used = sorted(columns_of(self.row, self.taken) & set(known))
        columns = "".join(f'r."{name}", ' for name in used)
        numbered = f"select {columns}row_number() over () as fusion_n from ({rows}) r"
        if backward:
            numbered += " order by fusion_n desc"
        taken = ", ".join(f"{sql} as {name}" for sql, name in self.taken.items())
        return f"select {taken} from ({numbered}) {self.row}"

    def _values(self, column: str) -> str:
        return f'(array_agg({self.row}."{column}") {self._shown})'

    def _take(self, sql: str) -> str:
        return f"{self.name}.{self.taken.setdefault(sql, f't{len(self.taken) + 1}')}"
