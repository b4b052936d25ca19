"""The analysts' page: the built files of graphiql/dist, under a strict content security policy."""

import html
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from crm.kernel.settings import settings

DIST = Path(__file__).resolve().parents[1] / "graphiql" / "dist"
HEADERS = {
    # The editor styles itself inline; everything else is a file of ours.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}


def routes() -> list[BaseRoute]:
    if not (DIST / "index.html").is_file():
        return [Route("/graphiql", _missing), Route("/graphiql/", _missing)]
    return [
        Route("/graphiql", lambda _: RedirectResponse("/graphiql/")),
        Route("/graphiql/", _page),
        Mount("/graphiql", _Files(directory=DIST)),
    ]


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        if path.startswith("assets/"):  # their names change with their content
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


async def _page(request: Request) -> Response:
    del request
    page = (DIST / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(
        page.replace("</head>", f"{_demo()}</head>", 1), headers=HEADERS | {"cache-control": "no-cache"}
    )


def _demo() -> str:
    """What the log-in form is filled with, where the operator wants that."""
    if not settings().demo_login:
        return ""
    email, _, password = (settings().demo_login or "").partition(":")
    content = html.escape(orjson.dumps({"email": email, "password": password}).decode(), quote=True)
    return f'<meta name="kith-demo" content="{content}">'


async def _missing(request: Request) -> Response:
    del request
    return PlainTextResponse(
        "GraphiQL is not built. Run scripts/bootstrap (it needs Node, or installs its own).", 503
    )
