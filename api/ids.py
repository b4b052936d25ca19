"""Public ids at the door: `cus_…` in and out, uuid7 keys inside."""

from collections.abc import Iterable
from uuid import UUID

import strawberry

from crm.kernel import ids
from crm.kernel.errors import InvalidInput, NotFound
from crm.kernel.ids import InvalidId, Kind


def public_id(kind: Kind, key: UUID) -> strawberry.ID:
    return strawberry.ID(ids.encode(kind, key))


def key_of(kind: Kind, text: str, *path: str) -> UUID:
    """The key of the record an input names. Raises NotFound: an id of another kind names no such record."""
    try:
        return ids.decode(kind, text)
    except InvalidId as error:
        not_found = NotFound(kind, *(path or ("id",)))
        not_found.message = f"{not_found.message} {error}"
        raise not_found from None


def optional_key(kind: Kind, text: str | None, *path: str) -> UUID | None:
    return None if text is None else key_of(kind, text, *path)


def keys_of(kind: Kind, texts: Iterable[str], *path: str) -> list[UUID]:
    return [key_of(kind, text, *path) for text in texts]


def parse_any(text: str) -> tuple[Kind, UUID]:
    """Kind and key of any id. Raises InvalidInput when it is none."""
    try:
        return ids.split(text)
    except InvalidId as error:
        raise InvalidInput.one(str(error), "id", code="INVALID_ID") from None
