"""What callers send about accounts."""

from datetime import datetime

import strawberry

from api.accounts import types as _types  # noqa: F401  declares the enums
from api.scalars import EmailAddress
from crm.accounts.models import Transport
from crm.kernel.actor import Role, Scope

_VERSION = "The version you read; a newer one is answered with VersionConflict."


@strawberry.input(description="Who logs in.")
class LogInInput:
    email: EmailAddress = strawberry.field(description="Your e-mail address.")
    password: str = strawberry.field(description="Your password.")
    transport: Transport = strawberry.field(
        default=Transport.BEARER, description="How you will prove the login on each request."
    )


@strawberry.input(description="A login to renew.")
class RefreshLoginInput:
    refresh_token: str = strawberry.field(
        description="The newest refresh token of this login. Each works once."
    )


@strawberry.input(description="Which login to end.")
class LogOutInput:
    refresh_token: str = strawberry.field(
        description="The refresh token of the login; one that is unknown, or has ended, is no error."
    )


@strawberry.input(description="A change of your own password.")
class ChangePasswordInput:
    current_password: str = strawberry.field(description="The password you have now.")
    new_password: str = strawberry.field(description="The new one: 12 to 128 characters.")


@strawberry.input(description="A new user.")
class CreateUserInput:
    email: EmailAddress = strawberry.field(description="E-mail address to log in with.")
    name: str = strawberry.field(description="Full name, at most 120 characters.")
    role: Role = strawberry.field(description="What they may do.")
    password: str = strawberry.field(description="A first password: 12 to 128 characters.")
    unit_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="The business units they belong to."
    )


@strawberry.input(description="Changes to a user: fields left out stay as they are.")
class UpdateUserInput:
    id: strawberry.ID = strawberry.field(description="The user.")
    expected_version: int = strawberry.field(description=_VERSION)
    email: EmailAddress | None = strawberry.field(default=None, description="E-mail address to log in with.")
    name: str | None = strawberry.field(default=None, description="Full name.")
    role: Role | None = strawberry.field(default=None, description="What they may do.")


@strawberry.input(description="Names a user.")
class UserInput:
    id: strawberry.ID = strawberry.field(description="The user.")


@strawberry.input(description="The units a user belongs to.")
class SetUserUnitsInput:
    id: strawberry.ID = strawberry.field(description="The user.")
    unit_ids: list[strawberry.ID] = strawberry.field(description="Exactly these business units.")


@strawberry.input(description="A new password for somebody.")
class ResetPasswordInput:
    id: strawberry.ID = strawberry.field(description="The user.")
    new_password: str = strawberry.field(description="The new password: 12 to 128 characters.")


@strawberry.input(description="A new business unit.")
class CreateBusinessUnitInput:
    name: str = strawberry.field(description="Name, unique among units that are not archived.")
    time_zone: str = strawberry.field(default="UTC", description="IANA time zone, such as `Europe/Berlin`.")


@strawberry.input(description="Changes to a business unit: fields left out stay as they are.")
class UpdateBusinessUnitInput:
    id: strawberry.ID = strawberry.field(description="The unit.")
    expected_version: int = strawberry.field(description=_VERSION)
    name: str | None = strawberry.field(default=None, description="Name.")
    time_zone: str | None = strawberry.field(default=None, description="IANA time zone.")


@strawberry.input(description="Names a business unit.")
class BusinessUnitInput:
    id: strawberry.ID = strawberry.field(description="The unit.")


@strawberry.input(description="A new API token for you.")
class CreateApiTokenInput:
    name: str = strawberry.field(description="What it is for.")
    scope: Scope = strawberry.field(default=Scope.READ, description="What it may do at most.")
    expires_at: datetime = strawberry.field(description="When it ends; at most a year from now.")


@strawberry.input(description="Names an API token.")
class ApiTokenInput:
    id: strawberry.ID = strawberry.field(description="The token.")
