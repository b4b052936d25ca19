"""Short-lived links to files: a token that names the file and when the link ends, signed by the server's secret."""

import base64
import binascii
import hashlib
import hmac
import time
from dataclasses import asdict, dataclass

import orjson

from crm.kernel.errors import NotFound
from crm.kernel.ids import Kind
from crm.kernel.settings import SettingsError, settings

LIFE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Download:
    """A stored object under the name and type it is handed out with."""

    key: str
    filename: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Rendering:
    """A document that is stored nowhere: made anew each time its link is opened.

    `kind` names who makes it (see api/files.py), `subject` is the public id of the record it is made of.
    """

    kind: str
    subject: str
    filename: str
    media_type: str


Target = Download | Rendering


def check() -> None:
    """Raises SettingsError when there is no secret to sign with."""
    _secret()


def link(target: Target) -> str:
    """An address that works for ten minutes for whoever has it; mint one only after the access check."""
    expires = int(time.time()) + LIFE_SECONDS
    content = [expires, type(target).__name__, *asdict(target).values()]
    body = base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=")
    return f"{settings().public_url.rstrip('/')}/files/{body.decode()}.{_signature(body)}"


def open_token(token: str) -> Target:
    """What a link's token names. Raises NotFound when it was altered or has ended."""
    body, _, signature = token.encode().partition(b".")
    if not hmac.compare_digest(_signature(body).encode(), signature):
        raise NotFound(Kind.FILE)
    try:
        expires, kind, *parts = orjson.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        raise NotFound(Kind.FILE) from None
    if expires < time.time():
        raise NotFound(Kind.FILE)
    return Rendering(*parts) if kind == Rendering.__name__ else Download(*parts)


def _signature(body: bytes) -> str:
    return hmac.new(_secret(), body, hashlib.sha256).hexdigest()


def _secret() -> bytes:
    secret = settings().secret_key
    if secret is None:
        raise SettingsError(
            "KITH_SECRET_KEY is not set: give every API process the same 32 or more random characters."
        )
    return secret.get_secret_value().encode()
