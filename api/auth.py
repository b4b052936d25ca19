"""Who is calling: a bearer token, or the browser's cookie together with a header no other site can send."""

from collections.abc import Mapping

from starlette.requests import HTTPConnection

from api.context import Context
from crm.accounts.logins import actor_for_token
from crm.kernel.actor import Actor

COOKIE = "kith_session"
CLIENT_HEADER = "x-kith-client"


async def authenticate(context: Context) -> Actor | None:
    """The actor behind a request or socket as of now; None for nobody."""
    token = (
        bearer(context.request.headers)
        or _from_init(context.connection_params)
        or _from_cookie(context.request)
    )
    return await actor_for_token(token) if token else None


def bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _from_init(params: object) -> str | None:
    """graphql-transport-ws: `connection_init` with `{"authorization": "Bearer …"}`."""
    if not isinstance(params, Mapping):
        return None
    lowered = {str(name).lower(): value for name, value in params.items()}
    value = lowered.get("authorization")
    return bearer({"authorization": value}) if isinstance(value, str) else None


def _from_cookie(request: HTTPConnection) -> str | None:
    """A cookie alone proves nothing of who wrote the request; sockets have had their origin checked instead."""
    if request.scope["type"] == "http" and CLIENT_HEADER not in request.headers:
        return None
    return request.cookies.get(COOKIE)
