"""Logging in and out, by token or by cookie."""

from datetime import datetime

import strawberry
from starlette.responses import Response

from api.accounts.inputs import LogInInput, LogOutInput, RefreshLoginInput
from api.accounts.types import Viewer
from api.accounts.viewer import viewer_of
from api.auth import COOKIE
from api.context import Info, actor_of
from api.mutations import Payload, mutation
from crm.accounts import logins
from crm.accounts.logins import Issued
from crm.accounts.models import Transport
from crm.kernel.settings import settings


@strawberry.type(
    description="A login. With the transport COOKIE the tokens are null: the browser has its cookie."
)
class LoginPayload(Payload):
    access_token: str | None = strawberry.field(
        default=None, description="Send it as `Authorization: Bearer …`."
    )
    access_expires_at: datetime | None = strawberry.field(
        default=None, description="When the access token ends."
    )
    refresh_token: str | None = strawberry.field(
        default=None, description="Renews the login with `refreshLogin`; works once."
    )
    refresh_expires_at: datetime | None = strawberry.field(
        default=None, description="When the login ends unless renewed."
    )
    viewer: Viewer | None = strawberry.field(
        default=None, description="Who is now logged in; null when refused."
    )


@strawberry.type(description="Whether the login ended.")
class LogOutPayload(Payload):
    pass


@strawberry.type
class LoginMutation:
    @mutation(description="Begins a login.", anonymous=True, idempotent=False)
    async def log_in(self, info: Info, input: LogInInput) -> LoginPayload:
        issued = await logins.log_in(
            email=input.email,
            password=input.password,
            transport=input.transport,
            user_agent=_user_agent(info),
        )
        return await _logged_in(info, issued)

    @mutation(
        description="Renews a login by its refresh token, which works once. Using one twice ends the login.",
        anonymous=True,
        idempotent=False,
    )
    async def refresh_login(self, info: Info, input: RefreshLoginInput) -> LoginPayload:
        issued = await logins.refresh(refresh_token=input.refresh_token, user_agent=_user_agent(info))
        return await _logged_in(info, issued)

    @mutation(
        description="Ends this login; or, for an app whose access token has expired, the login of a refresh token.",
        anonymous=True,
        idempotent=False,
    )
    async def log_out(self, info: Info, input: LogOutInput | None = None) -> LogOutPayload:
        _forget_cookie(info)
        if input is None:
            await logins.log_out(actor=actor_of(info))
        else:
            await logins.log_out_with(refresh_token=input.refresh_token)
        return LogOutPayload()

    @mutation(description="Ends all your logins, this one included. API tokens stay.", idempotent=False)
    async def log_out_everywhere(self, info: Info) -> LogOutPayload:
        await logins.log_out_everywhere(actor=actor_of(info))
        _forget_cookie(info)
        return LogOutPayload()


def _user_agent(info: Info) -> str:
    return info.context.request.headers.get("user-agent", "")


async def _logged_in(info: Info, issued: Issued) -> LoginPayload:
    """From here on this request acts as the one who logged in; a cookie login keeps its token out of the answer."""
    actor = await logins.actor_for_token(issued.access_token)
    info.context.actor = actor
    viewer = await viewer_of(actor) if actor else None
    if issued.transport is Transport.COOKIE:
        _set_cookie(info, issued)
        return LoginPayload(viewer=viewer, access_expires_at=issued.access_expires_at)
    return LoginPayload(
        viewer=viewer,
        access_token=issued.access_token,
        access_expires_at=issued.access_expires_at,
        refresh_token=issued.refresh_token,
        refresh_expires_at=issued.refresh_expires_at,
    )


def _set_cookie(info: Info, issued: Issued) -> None:
    if isinstance(info.context.response, Response):
        info.context.response.set_cookie(
            COOKIE,
            issued.access_token,
            expires=issued.access_expires_at,
            httponly=True,
            samesite="strict",
            secure=settings().secure_cookies,
        )


def _forget_cookie(info: Info) -> None:
    if isinstance(info.context.response, Response):
        info.context.response.delete_cookie(
            COOKIE, httponly=True, samesite="strict", secure=settings().secure_cookies
        )
