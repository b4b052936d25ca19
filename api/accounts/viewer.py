"""Who is asking."""

from typing import cast

from tortoise.queryset import QuerySet, QuerySetSingle

from api.accounts.types import Viewer
from api.ids import public_id
from crm.accounts import models, queries
from crm.accounts.rules import Permission, may
from crm.kernel.actor import Actor
from crm.kernel.ids import Kind


class ViewerRow:
    """What `Viewer` reads: the actor's own facts at once, the records as un-awaited QuerySets."""

    def __init__(self, actor: Actor, row: models.User) -> None:
        self._actor = actor
        self.id = public_id(Kind.USER, row.id)
        self.name, self.email, self.role, self.scope = row.name, row.email, row.role, actor.scope
        self.permissions = [each.name for each in Permission if may(actor, each)]

    @property
    def user(self) -> QuerySetSingle[models.User | None]:
        return models.User.get_or_none(id=self._actor.user_id)

    @property
    def units(self) -> QuerySet[models.BusinessUnit]:
        return queries.units_visible_to(self._actor)


async def viewer_of(actor: Actor) -> Viewer | None:
    row = await models.User.get_or_none(id=actor.user_id)
    return cast("Viewer", ViewerRow(actor, row)) if row else None
