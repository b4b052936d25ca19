"""What a preview decided in earlier chunks, as nothing of it is in the database: who has which key, which number.

A file may have any number of rows, so it is on disk, in a file of SQLite's that has no name and goes with the process.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import orjson

from crm.imports.deciding import Known, Target

_CACHE = "pragma cache_size = -4096"  # kilobytes
_TABLE = "create table seen (name text, value text, line integer, primary key (name, value)) without rowid"
_FIND = "select value, line from seen where name = ? and value in (select value from json_each(?))"
_ADD = "insert or ignore into seen values (?, ?, ?)"
_KEY = "key"


class SeenRows:
    """The lines of the rows that would make customers, by the customers' keys and unique values."""

    def __init__(self) -> None:
        # One thread after the other uses it.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute(_CACHE)
        self._database.execute(_TABLE)

    def close(self) -> None:
        self._database.close()

    def complete(self, known: Known) -> None:
        """Adds what earlier chunks made of the values that were looked up and that nobody in the database has."""
        made: dict[int, Target] = {}
        for value, line in self._lines(_KEY, known.keys - known.matches.keys()):
            known.matches[value] = [made.setdefault(line, _made_in(line))]
        for column, values in known.values.items():
            owners = known.owners[column]
            for value, line in self._lines(column, values - owners.keys()):
                owners[value] = made.setdefault(line, _made_in(line))

    def add(self, known: Known) -> None:
        """Remembers what a chunk, now that it is decided, has made."""
        rows = [*_rows(_KEY, {key: found[0] for key, found in known.matches.items()})]
        for column, owners in known.owners.items():
            rows += _rows(column, owners)
        rows.sort()  # neighbours in the file
        self._database.execute("begin")
        self._database.executemany(_ADD, rows)
        self._database.execute("commit")

    def _lines(self, name: str, values: Iterable[str]) -> Iterable[tuple[str, int]]:
        return self._database.execute(_FIND, (name, orjson.dumps([*values]).decode()))


def _rows(name: str, found: Mapping[str, Target]) -> Iterator[tuple[str, str, int]]:
    return ((name, value, target.line) for value, target in found.items() if target.line is not None)


def _made_in(line: int) -> Target:
    """Stands for the customer of that line."""
    return Target(UUID(int=line), {}, line=line)
