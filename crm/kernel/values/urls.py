"""Web addresses that are safe to show as links."""

import re

import idna

from crm.kernel.values.invalid import InvalidCode, InvalidValue, required, too_long
from crm.kernel.values.text import refuse_control_characters, trimmed

MAX_URL_LENGTH = 300

_SCHEME = "https://"
_REST = r"(?:[/?#][^\s<>\"\\^`{|}]*)?"
_USUAL = re.compile(
    r"(https?://)?(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,63}"
    r"(?:[/?#][!#$%&'()*+,./:;=?@\[\]_~A-Za-z0-9-]*)?"
).fullmatch
_PARTS = re.compile(rf"(?:(https?)://)?([^\s/?#:@\\]+)(?::(\d{{1,5}}))?({_REST})", re.IGNORECASE).fullmatch
_MAX_PORT = 65_535


def parse_url(text: str, *, max_length: int = MAX_URL_LENGTH) -> str:
    """Return an http or https address with a real host name; a bare host (`www.example.com`) gets https.

    Scheme and host come back in lower case, international hosts as people write them (müller.example); the
    rest stays as typed. Raises REQUIRED, TOO_LONG, CONTROL_CHARACTERS or INVALID_URL.
    """
    if len(text) <= max_length - len(_SCHEME) and (usual := _USUAL(text)):
        return text if usual[1] else _SCHEME + text
    value = trimmed(text)
    if not value:
        raise required()
    refuse_control_characters(value)
    parts = _PARTS(value)
    if parts is None:
        raise _invalid()
    scheme, host, port, rest = parts.groups()
    if port is not None and not 0 < int(port) <= _MAX_PORT:
        raise _invalid()
    url = f"{(scheme or 'https').lower()}://{_checked_host(host)}{f':{int(port)}' if port else ''}{rest}"
    if len(url) > max_length:
        raise too_long(max_length)
    return url


def _checked_host(host: str) -> str:
    """Return the host name in Unicode and lower case, as IDNA 2008 (with the UTS 46 mapping) allows it."""
    try:
        name = idna.decode(idna.encode(host.removesuffix("."), uts46=True))
    except (idna.IDNAError, UnicodeError):
        raise _invalid() from None
    labels = name.split(".")
    if len(labels) == 1 or labels[-1].isdigit():  # localhost and IP addresses are nobody's website
        raise _invalid()
    return name


def _invalid() -> InvalidValue:
    return InvalidValue(
        InvalidCode.INVALID_URL,
        "This is not a web address: write one such as https://www.example.com (http or https only).",
    )
