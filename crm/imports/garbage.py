"""Rows are many small objects without circles: looking for circles among them doubled the work of an import."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 200_000
_users = 0
_usual = gc.get_threshold()


@contextmanager
def few_collections() -> Iterator[None]:
    """Has Python look for circles less often while any import of this process runs."""
    global _users, _usual  # noqa: PLW0603  the threshold is the process's own
    if not _users:
        _usual = gc.get_threshold()
        gc.set_threshold(_NEW_OBJECTS, *_usual[1:])
    _users += 1
    try:
        yield
    finally:
        _users -= 1
        if not _users:
            gc.set_threshold(*_usual)
