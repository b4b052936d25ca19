"""How people, units, logins and tokens look to callers."""

from datetime import datetime
from typing import cast

import strawberry
from tortoise.expressions import Subquery

from api.enums import describe
from api.nodes import Node, id_field, node_type
from api.paging import Connection, connection
from api.scalars import EmailAddress
from crm.accounts import models
from crm.accounts.models import Transport
from crm.kernel.actor import Role, Scope
from crm.kernel.ids import Kind

describe(
    Role,
    description="What a user may do.",
    values={
        "ADMIN": "Everything, in every unit: users, settings, pick lists, legal entities, failed jobs.",
        "MANAGER": "Everything inside their units, including delete, block and void.",
        "AGENT": "Creates and reads in their units; edits customers they own or that nobody owns.",
        "ANALYST": "Reads everything in their units; changes nothing.",
    },
)
describe(
    Scope,
    name="TokenScope",
    description="What an API token may do at most.",
    values={
        "READ": "Queries and subscriptions only.",
        "WRITE": "What its user may, except managing users and tokens.",
    },
)
describe(
    Transport,
    name="LoginTransport",
    description="How a login proves itself on each request.",
    values={
        "BEARER": "By `Authorization: Bearer <accessToken>`; renewed with `refreshLogin`. For apps.",
        "COOKIE": "By an HttpOnly cookie, together with the header `X-Kith-Client`. For browsers.",
    },
)


@node_type(model=models.User, description="Somebody who works with Kith.")
class User(Node):
    id: strawberry.ID = id_field(Kind.USER)
    name: str = strawberry.field(description="Full name.")
    email: EmailAddress = strawberry.field(description="E-mail address they log in with.")
    role: Role = strawberry.field(description="What they may do.")
    active: bool = strawberry.field(description="Whether they can log in.")
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When the user was created.")
    updated_at: datetime = strawberry.field(description="When the user was last changed.")


@node_type(model=models.BusinessUnit, description="A part of the organisation; each customer belongs to one.")
class BusinessUnit(Node):
    id: strawberry.ID = id_field(Kind.BUSINESS_UNIT)
    name: str = strawberry.field(description="Name, unique among units that are not archived.")
    time_zone: str = strawberry.field(description="IANA time zone, such as `Europe/Berlin`.")
    archived_at: datetime | None = strawberry.field(description="When it was archived.")
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When the unit was created.")
    updated_at: datetime = strawberry.field(description="When the unit was last changed.")

    @connection(description="The unit's members, by name.")
    def members(self) -> Connection[User]:
        row = cast("models.BusinessUnit", self)
        members = models.UnitMembership.filter(unit_id=row.id).values("user_id")
        return cast("Connection[User]", models.User.filter(id__in=Subquery(members)).order_by("name"))


@node_type(
    model=models.ApiToken,
    description="A user's token for scripts. Its secret is shown once, when it is made.",
)
class ApiToken(Node):
    id: strawberry.ID = id_field(Kind.API_TOKEN)
    user: User = strawberry.field(description="Whose token it is.")
    name: str = strawberry.field(description="What it is for.")
    hint: str = strawberry.field(description="The first characters of the secret, to tell tokens apart.")
    scope: Scope = strawberry.field(description="What it may do at most.")
    expires_at: datetime = strawberry.field(description="When it ends by itself.")
    revoked_at: datetime | None = strawberry.field(description="When it was ended.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to the minute.")
    created_at: datetime = strawberry.field(description="When it was made.")


@strawberry.type(description="You: who is logged in, and how.")
class Viewer:
    user: User = strawberry.field(description="You as a user.")
    id: strawberry.ID = strawberry.field(description="Your user id.")
    name: str = strawberry.field(description="Your name.")
    email: EmailAddress = strawberry.field(description="Your e-mail address.")
    role: Role = strawberry.field(description="What you may do.")
    scope: Scope = strawberry.field(description="READ when you came with a read-only API token.")
    units: list[BusinessUnit] = strawberry.field(
        description="The business units you reach, by name; all of them for an admin."
    )
    permissions: list[str] = strawberry.field(
        description="What you may do, as words a user interface can switch on."
    )
