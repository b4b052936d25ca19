"""Changes to users, units and tokens."""

from typing import cast
from uuid import UUID

import strawberry

from api.accounts.inputs import (
    ApiTokenInput,
    BusinessUnitInput,
    ChangePasswordInput,
    CreateApiTokenInput,
    CreateBusinessUnitInput,
    CreateUserInput,
    ResetPasswordInput,
    SetUserUnitsInput,
    UpdateBusinessUnitInput,
    UpdateUserInput,
    UserInput,
)
from api.accounts.types import ApiToken, BusinessUnit, User
from api.context import Info, actor_of
from api.ids import key_of, keys_of
from api.mutations import Payload, mutation, provided
from crm.accounts import credentials, queries, tokens, units, users
from crm.kernel.ids import Kind


@strawberry.type(description="The user as they are after the change.")
class UserPayload(Payload):
    user_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The user; null when the change was refused.")
    def user(self, info: Info) -> User | None:
        if self.user_id is None:
            return None
        return cast("User | None", queries.users_visible_to(actor_of(info)).get_or_none(id=self.user_id))


@strawberry.type(description="The business unit as it is after the change.")
class BusinessUnitPayload(Payload):
    unit_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The unit; null when the change was refused.")
    def business_unit(self, info: Info) -> BusinessUnit | None:
        if self.unit_id is None:
            return None
        return cast(
            "BusinessUnit | None", queries.units_visible_to(actor_of(info)).get_or_none(id=self.unit_id)
        )


@strawberry.type(description="The API token as it is after the change.")
class ApiTokenPayload(Payload):
    token_id: strawberry.Private[UUID | None] = None
    secret: str | None = strawberry.field(
        default=None,
        description="What scripts send as `Authorization: Bearer …`. Shown this once, kept nowhere.",
    )

    @strawberry.field(description="The token; null when the change was refused.")
    def api_token(self, info: Info) -> ApiToken | None:
        if self.token_id is None:
            return None
        return cast(
            "ApiToken | None", queries.tokens_visible_to(actor_of(info)).get_or_none(id=self.token_id)
        )


@strawberry.type
class AccountMutation:
    @mutation(description="Changes your own password and ends your other logins.", idempotent=False)
    async def change_password(self, info: Info, input: ChangePasswordInput) -> UserPayload:
        user = await credentials.change_password(actor=actor_of(info), **provided(input))
        return UserPayload(user_id=user.id)

    @mutation(description="Adds a user. Admins only.")
    async def create_user(self, info: Info, input: CreateUserInput) -> UserPayload:
        values = provided(input) | {"unit_ids": keys_of(Kind.BUSINESS_UNIT, input.unit_ids, "unitIds")}
        return UserPayload(user_id=(await users.create_user(actor=actor_of(info), **values)).id)

    @mutation(description="Changes a user's name, e-mail address or role. Admins only.")
    async def update_user(self, info: Info, input: UpdateUserInput) -> UserPayload:
        values = provided(input)
        user_id = key_of(Kind.USER, values.pop("id"))
        return UserPayload(
            user_id=(await users.update_user(actor=actor_of(info), user_id=user_id, **values)).id
        )

    @mutation(description="Shuts a user out at once; their records stay. Admins only.")
    async def deactivate_user(self, info: Info, input: UserInput) -> UserPayload:
        user = await users.deactivate_user(actor=actor_of(info), user_id=key_of(Kind.USER, input.id))
        return UserPayload(user_id=user.id)

    @mutation(description="Lets a deactivated user log in again. Admins only.")
    async def reactivate_user(self, info: Info, input: UserInput) -> UserPayload:
        user = await users.reactivate_user(actor=actor_of(info), user_id=key_of(Kind.USER, input.id))
        return UserPayload(user_id=user.id)

    @mutation(description="Makes a user a member of exactly these business units. Admins only.")
    async def set_user_units(self, info: Info, input: SetUserUnitsInput) -> UserPayload:
        user_id, unit_ids = (
            key_of(Kind.USER, input.id),
            keys_of(Kind.BUSINESS_UNIT, input.unit_ids, "unitIds"),
        )
        user = await users.set_user_units(actor=actor_of(info), user_id=user_id, unit_ids=unit_ids)
        return UserPayload(user_id=user.id)

    @mutation(
        description="Gives a user a new password and ends all their logins. Admins only.", idempotent=False
    )
    async def reset_password(self, info: Info, input: ResetPasswordInput) -> UserPayload:
        user_id = key_of(Kind.USER, input.id)
        user = await credentials.reset_password(
            actor=actor_of(info), user_id=user_id, new_password=input.new_password
        )
        return UserPayload(user_id=user.id)

    @mutation(description="Opens a business unit. Admins only.")
    async def create_business_unit(self, info: Info, input: CreateBusinessUnitInput) -> BusinessUnitPayload:
        unit = await units.create_unit(actor=actor_of(info), **provided(input))
        return BusinessUnitPayload(unit_id=unit.id)

    @mutation(description="Renames a business unit or changes its time zone. Admins only.")
    async def update_business_unit(self, info: Info, input: UpdateBusinessUnitInput) -> BusinessUnitPayload:
        values = provided(input)
        unit_id = key_of(Kind.BUSINESS_UNIT, values.pop("id"))
        unit = await units.update_unit(actor=actor_of(info), unit_id=unit_id, **values)
        return BusinessUnitPayload(unit_id=unit.id)

    @mutation(description="Closes a business unit that has no customers. Admins only.")
    async def archive_business_unit(self, info: Info, input: BusinessUnitInput) -> BusinessUnitPayload:
        unit = await units.archive_unit(actor=actor_of(info), unit_id=key_of(Kind.BUSINESS_UNIT, input.id))
        return BusinessUnitPayload(unit_id=unit.id)

    @mutation(description="Opens an archived business unit again. Admins only.")
    async def restore_business_unit(self, info: Info, input: BusinessUnitInput) -> BusinessUnitPayload:
        unit = await units.restore_unit(actor=actor_of(info), unit_id=key_of(Kind.BUSINESS_UNIT, input.id))
        return BusinessUnitPayload(unit_id=unit.id)

    @mutation(
        description="Makes an API token for you. Its secret is in this answer and nowhere else.",
        idempotent=False,
    )
    async def create_api_token(self, info: Info, input: CreateApiTokenInput) -> ApiTokenPayload:
        made = await tokens.create_token(actor=actor_of(info), **provided(input))
        return ApiTokenPayload(token_id=made.token.id, secret=made.secret)

    @mutation(description="Ends an API token at once: your own, or as an admin anybody's.")
    async def revoke_api_token(self, info: Info, input: ApiTokenInput) -> ApiTokenPayload:
        token = await tokens.revoke_token(actor=actor_of(info), token_id=key_of(Kind.API_TOKEN, input.id))
        return ApiTokenPayload(token_id=token.id)
