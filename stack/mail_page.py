"""The page on which a person reads what the mail catcher kept."""

import re
import zlib
from collections.abc import Sequence
from datetime import datetime
from email.utils import getaddresses
from itertools import groupby
from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from stack.mailbox import Mailbox, Part, StoredMessage, Summary

PAGES = Path(__file__).parent / "pages"
PAGE_SIZE = 50
HUES = 8
SEARCH_CHARACTERS = 200
# Shown in the browser; everything else is only ever downloaded.
SHOWN_TYPES = ("application/pdf", "image/gif", "image/jpeg", "image/png", "image/webp")
CONTENT_ID = re.compile(r"\bcid:([^\"'\s)>]+)", re.IGNORECASE)

OWN_PAGES = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; frame-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# What a stranger wrote: no scripts, no forms, nothing from the network, an origin of its own.
FOREIGN_PAGES = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'"
)


class MailPage:
    """The pages of one mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.templates = Jinja2Templates(PAGES)
        self.templates.env.filters |= {"initials": initials, "hue": hue, "person": person, "size": size}

    def list(self, request: Request) -> Response:
        return self._render(request, None, "")

    def message(self, request: Request) -> Response:
        found = self._find(request)
        usual = "html" if found.html() is not None else "text"
        return self._render(request, found, request.query_params.get("view", usual))

    def html(self, request: Request) -> Response:
        found = self._find(request)
        html = _with_own_images(found.html() or "", found.id, found.parts())
        # A link opens a tab of its own: inside the frame its site would be sandboxed and useless.
        body = '<!doctype html><meta charset="utf-8"><base target="_blank">' + html
        return Response(body, media_type="text/html", headers=_headers(FOREIGN_PAGES))

    def part(self, request: Request) -> Response:
        found = self._find(request).part(request.path_params["number"])
        if found is None:
            raise HTTPException(404)
        part, content = found
        shown = "inline" in request.query_params and part.content_type in SHOWN_TYPES
        kind = part.content_type if shown else "application/octet-stream"
        return _file(content, part.file_name, kind, "inline" if shown else "attachment")

    def source(self, request: Request) -> Response:
        found = self._find(request)
        return _file(found.raw, f"{found.id}.eml", "message/rfc822", "attachment")

    def newest(self, _request: Request) -> Response:
        """Answer what the open page asks every other second: the newest id and how many there are."""
        ids = self.mailbox.ids()
        return PlainTextResponse(f"{ids[0] if ids else ''} {len(ids)}", headers=_headers(OWN_PAGES))

    def clear(self, request: Request) -> Response:
        # Browsers say where a form was sent from; another site's page must not empty the mailbox.
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise HTTPException(403)
        self.mailbox.clear()
        return RedirectResponse("/", status_code=303)

    def style(self, _request: Request) -> Response:
        return FileResponse(PAGES / "mail.css", headers=_headers(OWN_PAGES))

    def script(self, _request: Request) -> Response:
        return FileResponse(PAGES / "mail.js", headers=_headers(OWN_PAGES))

    async def icon(self, _request: Request) -> Response:
        return FileResponse(PAGES / "mail.svg", headers=_headers(OWN_PAGES))

    def _find(self, request: Request) -> StoredMessage:
        found = self.mailbox.get(request.path_params["id"])
        if found is None:
            raise HTTPException(404)
        return found

    def _render(self, request: Request, opened: StoredMessage | None, view: str) -> Response:
        words = request.query_params.get("q", "")[:SEARCH_CHARACTERS]
        page = _page_number(request.query_params.get("page", ""))
        total = self.mailbox.count(words=words)
        last = max(1, -(-total // PAGE_SIZE))
        page = min(page, last)
        summaries = self.mailbox.summaries(words=words, offset=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE)
        everything = self.mailbox.ids()
        context = {
            "days": _by_day(summaries),
            "opened": opened,
            "view": view,
            "words": words,
            "page": page,
            "last": last,
            "total": total,
            "everything": len(everything),
            "newest": everything[0] if everything else "",
            "query": urlencode({k: v for k, v in {"q": words, "page": page}.items() if v not in ("", 1)}),
            "shown_types": SHOWN_TYPES,
        }
        return self.templates.TemplateResponse(request, "mail.html", context, headers=_headers(OWN_PAGES))


def create_page(mailbox: Mailbox) -> Starlette:
    page = MailPage(mailbox)
    return Starlette(
        routes=[
            Route("/", page.list),
            Route("/messages/{id}", page.message),
            Route("/messages/{id}/html", page.html),
            Route("/messages/{id}/source", page.source),
            Route("/messages/{id}/parts/{number:int}", page.part),
            Route("/newest", page.newest),
            Route("/clear", page.clear, methods=["POST"]),
            Route("/mail.css", page.style),
            Route("/mail.js", page.script),
            Route("/mail.svg", page.icon),
        ],
        # A foreign name that resolves to this machine must not reach the page through someone's browser.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def person(address: str) -> str:
    """Return the name of the first of some addresses, else that address, else what was written."""
    found = getaddresses([address])
    name, mail = found[0] if found else ("", "")
    return name or mail or address or "nobody"


def initials(address: str) -> str:
    words = [word for word in re.split(r"[\W_]+", person(address).partition("@")[0]) if word]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper() or "?"


def hue(address: str) -> int:
    """Return a sender's colour: always the same, one of a few."""
    return zlib.crc32(address.casefold().encode()) % HUES


def size(count: int) -> str:
    if count < 1000:  # noqa: PLR2004 - the steps of decimal units
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"  # noqa: PLR2004


def _by_day(summaries: Sequence[Summary]) -> list[tuple[str, list[tuple[str, Summary]]]]:
    """Group a page by the day of this machine's clock; the page never leaves this machine."""
    today = datetime.now().astimezone().date()
    local = [(summary.received.astimezone(), summary) for summary in summaries]
    return [
        (
            "Today" if day == today else f"{day:%A}, {day.day} {day:%B %Y}",
            [(f"{when:%H:%M}", summary) for when, summary in group],
        )
        for day, group in groupby(local, key=lambda pair: pair[0].date())
    ]


def _page_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 9 and int(text) else 1  # noqa: PLR2004


def _with_own_images(html: str, name: str, parts: Sequence[Part]) -> str:
    places = {part.content_id: part.number for part in parts if part.content_id}

    def place(match: re.Match[str]) -> str:
        number = places.get(match[1])
        return match[0] if number is None else f"/messages/{name}/parts/{number}?inline"

    return CONTENT_ID.sub(place, html)


def _file(content: bytes, file_name: str, kind: str, disposition: str) -> Response:
    headers = _headers(
        "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    )
    headers["Content-Disposition"] = f"{disposition}; filename*=UTF-8''{quote(file_name, safe='')}"
    return Response(content, media_type=kind, headers=headers)


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
