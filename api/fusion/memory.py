"""A bounded memory: what was not asked for longest is forgotten first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Memory(Generic[V]):
    """At most `most` values by their keys. Their order is kept up once three quarters of them are there; before, it is the one
    they came in.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._many = most * 3 // 4
        self._known: OrderedDict[Hashable, V] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._known

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Hashable) -> V | None:
        found = self._known.get(key)
        if found is not None and len(self._known) > self._many:
            self._known.move_to_end(key)
        return found

    def __setitem__(self, key: Hashable, value: V) -> None:
        self._known[key] = value
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        self._known.pop(key, None)
