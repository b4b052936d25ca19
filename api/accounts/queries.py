"""Reads of accounts."""

from typing import cast

import strawberry

from api.accounts.types import ApiToken, BusinessUnit, User, Viewer
from api.accounts.viewer import viewer_of
from api.context import Info, actor_of
from api.nodes import fetches
from api.paging import Connection, connection
from crm.accounts import queries
from crm.kernel.ids import Kind

fetches(Kind.USER)(lambda actor, key: queries.users_visible_to(actor).get_or_none(id=key))
fetches(Kind.BUSINESS_UNIT)(lambda actor, key: queries.units_visible_to(actor).get_or_none(id=key))
fetches(Kind.API_TOKEN)(lambda actor, key: queries.tokens_visible_to(actor).get_or_none(id=key))


@strawberry.type
class AccountQuery:
    @strawberry.field(description="You; null when nobody is logged in.")
    def viewer(self, info: Info) -> Viewer | None:
        return cast("Viewer | None", viewer_of(info.context.actor)) if info.context.actor else None

    @connection(description="Users you share a business unit with, by name; everybody for an admin.")
    def users(self, info: Info) -> Connection[User]:
        return cast("Connection[User]", queries.users_visible_to(actor_of(info)))

    @connection(description="Business units you belong to, by name; all of them for an admin.")
    def business_units(self, info: Info) -> Connection[BusinessUnit]:
        return cast("Connection[BusinessUnit]", queries.units_visible_to(actor_of(info)))

    @connection(description="Your API tokens, newest first; everybody's for an admin.")
    def api_tokens(self, info: Info) -> Connection[ApiToken]:
        return cast("Connection[ApiToken]", queries.tokens_visible_to(actor_of(info)))
