"""Relay's Node: every record with an id of its own, and how each kind is fetched."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar, cast
from uuid import UUID

import strawberry
from tortoise import Model
from tortoise.queryset import QuerySetSingle

from api.context import Info, actor_of
from api.fusion import Chosen, shows
from api.ids import parse_any, public_id
from crm.kernel.actor import Actor
from crm.kernel.errors import InvalidInput
from crm.kernel.ids import Kind
from crm.kernel.paging import MAX_PAGE

T = TypeVar("T")
Fetch = Callable[[Actor, UUID], QuerySetSingle[Any]]

_fetchers: dict[Kind, Fetch] = {}


@strawberry.interface(description="A record that can be fetched again by its id.")
class Node:
    @strawberry.field(description="Opaque and stable. Its prefix says what it names, e.g. `cus_` a customer.")
    def id(self) -> strawberry.ID:
        raise NotImplementedError


def id_field(kind: Kind) -> Any:
    """The `id` of a type whose records are rows with a uuid key."""

    def resolve(self: Any) -> strawberry.ID:
        return public_id(kind, self.id)

    return strawberry.field(
        resolve,
        description=f"Opaque and stable; begins with `{kind.value}_`.",
        metadata={"sql": f"'{kind.value}_' || encode(uuid_send({{t}}.id), 'hex')"},
    )


def node_type(
    *, model: type[Model], description: str, name: str | None = None
) -> Callable[[type[T]], type[T]]:
    """Declares a GraphQL type whose values are rows of `model`."""

    def decorate(cls: type[T]) -> type[T]:
        cls.is_type_of = staticmethod(lambda value, _info: isinstance(value, model))  # type: ignore[attr-defined]
        return shows(model, strawberry.type(cls, name=name, description=description))

    return decorate


def fetches(kind: Kind) -> Callable[[Fetch], Fetch]:
    """Registers how `node(id)` finds a kind: a one-object QuerySet, narrowed to what the actor may see."""

    def decorate(fetch: Fetch) -> Fetch:
        _fetchers[kind] = fetch
        return fetch

    return decorate


def fetch(actor: Actor, kind: Kind, key: UUID) -> Any:
    """An un-awaited one-object QuerySet, or None for a kind that is no Node."""
    find = _fetchers.get(kind)
    return find(actor, key) if find else None


@strawberry.type
class NodeQuery:
    @strawberry.field(description="Any record by its id; null when there is none, or none you may see.")
    def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The id of any record.")],
    ) -> Node | None:
        return cast("Node | None", fetch(actor_of(info), *parse_any(id)))

    @strawberry.field(
        description="Up to 100 records by their ids, in the order asked; null in the place of each that is not there."
    )
    def nodes(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description="Ids of any records, also of different kinds."),
        ],
    ) -> list[Node | None]:
        actor = actor_of(info)
        return Chosen(fetch(actor, *parse_any(each)) for each in _bounded(ids))


def _bounded(ids: Iterable[strawberry.ID]) -> list[strawberry.ID]:
    wanted = list(ids)
    if len(wanted) > MAX_PAGE:
        raise InvalidInput.one(f"Ask for at most {MAX_PAGE} ids at once, not {len(wanted)}.", "ids")
    return wanted
