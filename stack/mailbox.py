"""Messages kept as `.eml` files; their names sort by the time they came."""

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from functools import lru_cache
from itertools import islice
from pathlib import Path

FOLD = re.compile(r"\r?\n(?=[ \t])")
ID = re.compile(r"[0-9]{8}T[0-9]{12}-[0-9a-f]{8}")
STAMP = "%Y%m%dT%H%M%S%f"
HEADER_BYTES = 65_536
# As mail servers do on final delivery, the envelope goes on top of the message; the last line ends it.
RETURN_PATH = b"Return-Path: "
DELIVERED_TO = b"Delivered-To: "
ENVELOPE_END = b"X-Kith-Received: "
PARSER = BytesParser(policy=policy.default)


@dataclass(frozen=True)
class Part:
    """A piece of a message that is not its text; `number` is its place in a walk of the message."""

    number: int
    content_type: str
    file_name: str
    content_id: str
    size: int

    def is_inside(self, html: str) -> bool:
        return bool(self.content_id) and f"cid:{self.content_id}" in html


@dataclass(frozen=True)
class Summary:
    """What a list shows of a message."""

    id: str
    received: datetime
    sender: str
    to: str
    subject: str
    has_attachments: bool

    def mentions(self, words: str) -> bool:
        haystack = f"{self.sender}\n{self.to}\n{self.subject}".casefold()
        return all(word in haystack for word in words.casefold().split())


class StoredMessage:
    """One kept message: `raw` is what the sender sent, byte for byte, `envelope_…` what it said before."""

    def __init__(self, path: Path) -> None:
        envelope, self.raw = _split(path.read_bytes())
        self.id = path.stem
        self.received = _received(path.stem)
        self.envelope_from = next(iter(_values(envelope, RETURN_PATH)), "").strip("<>")
        self.envelope_to = _values(envelope, DELIVERED_TO)
        self.message = PARSER.parsebytes(self.raw)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers() if key.lower() == name.lower()), "")

    def headers(self) -> list[tuple[str, str]]:
        return _headers(self.message)

    def text(self) -> str | None:
        return _text_of(self._body("plain"))

    def html(self) -> str | None:
        return _text_of(self._body("html"))

    def attachments(self) -> list[Part]:
        """Return what is neither the text nor a picture inside it."""
        shown = [self._body("plain"), self._body("html")]
        html = self.html() or ""
        return [
            part
            for part, found in self._parts()
            if not any(found is body for body in shown) and not part.is_inside(html)
        ]

    def parts(self) -> list[Part]:
        return [part for part, _ in self._parts()]

    def unlisted_recipients(self) -> list[str]:
        """Return who got the message without being named in it."""
        named = f"{self.header('to')} {self.header('cc')}".casefold()
        return [address for address in self.envelope_to if address.casefold() not in named]

    def part(self, number: int) -> tuple[Part, bytes] | None:
        return next(((part, _payload(found)) for part, found in self._parts() if part.number == number), None)

    def _body(self, kind: str) -> EmailMessage | None:
        found = self.message.get_body((kind,))
        return found if isinstance(found, EmailMessage) else None

    def _parts(self) -> Iterator[tuple[Part, EmailMessage]]:
        for number, found in enumerate(self.message.walk()):
            if isinstance(found, EmailMessage) and not found.is_multipart():
                yield _describe(number, found), found


class Mailbox:
    """A directory of messages."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def add(self, raw: bytes, *, sender: str, recipients: Sequence[str]) -> str:
        """Keep a message as it came and return its id; it appears in the mailbox whole or not at all."""
        now = datetime.now(UTC)
        name = f"{now.strftime(STAMP)}-{secrets.token_hex(4)}"
        unfinished = self.directory / f".{name}"
        unfinished.write_bytes(_envelope(sender, recipients, now) + raw)
        unfinished.rename(self._path(name))
        return name

    def ids(self) -> list[str]:
        """Return every message's id, newest first."""
        names = (entry.name.removesuffix(".eml") for entry in os.scandir(self.directory))
        return sorted((name for name in names if ID.fullmatch(name)), reverse=True)

    def summaries(self, *, words: str = "", offset: int = 0, limit: int = 50) -> list[Summary]:
        """Return one page, newest first, of the messages whose people or subject contain all `words`."""
        if not words.strip():
            return list(_summaries(map(self._path, self.ids()[offset : offset + limit])))
        return list(islice(self._mentioning(words), offset, offset + limit))

    def count(self, *, words: str = "") -> int:
        return sum(1 for _ in self._mentioning(words)) if words.strip() else len(self.ids())

    def get(self, name: str) -> StoredMessage | None:
        """Return a message, None for anything that is not the id of one."""
        path = self._path(name)
        return StoredMessage(path) if ID.fullmatch(name) and path.exists() else None

    def clear(self) -> None:
        for name in self.ids():
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.eml"

    def _mentioning(self, words: str) -> Iterator[Summary]:
        found = _summaries(map(self._path, self.ids()))
        return (summary for summary in found if summary.mentions(words))


def _summaries(paths: Iterable[Path]) -> Iterator[Summary]:
    for path in paths:
        with suppress(FileNotFoundError):  # deleted since the directory was read
            yield _summarise(path)


@lru_cache(maxsize=50_000)
def _summarise(path: Path) -> Summary:
    with path.open("rb") as file:
        envelope, head = _split(file.read(HEADER_BYTES))
    message = PARSER.parsebytes(head, headersonly=True)
    headers = {name.lower(): value for name, value in reversed(_headers(message))}
    return Summary(
        id=path.stem,
        received=_received(path.stem),
        sender=headers.get("from") or next(iter(_values(envelope, RETURN_PATH)), ""),
        to=headers.get("to") or ", ".join(_values(envelope, DELIVERED_TO)),
        subject=headers.get("subject", ""),
        has_attachments=message.get_content_type() == "multipart/mixed",
    )


def _envelope(sender: str, recipients: Sequence[str], now: datetime) -> bytes:
    lines = [RETURN_PATH + f"<{sender}>".encode(), *(DELIVERED_TO + to.encode() for to in recipients)]
    return b"".join(line + b"\r\n" for line in [*lines, ENVELOPE_END + now.isoformat().encode()])


def _split(stored: bytes) -> tuple[list[bytes], bytes]:
    head, _, rest = stored.partition(ENVELOPE_END)
    return head.split(b"\r\n"), rest.partition(b"\r\n")[2]


def _values(envelope: Sequence[bytes], name: bytes) -> list[str]:
    return [line.removeprefix(name).decode(errors="replace") for line in envelope if line.startswith(name)]


def _received(name: str) -> datetime:
    return datetime.strptime(name.partition("-")[0], STAMP).replace(tzinfo=UTC)


def _headers(message: EmailMessage) -> list[tuple[str, str]]:
    return [(name, _decoded(str(value))) for name, value in message.raw_items()]


def _decoded(value: str) -> str:
    """Decode a header without judging it: a parser of addresses would drop what it does not understand."""
    text = FOLD.sub("", value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError, HeaderParseError):
        return text


def _describe(number: int, found: EmailMessage) -> Part:
    kind = found.get_content_type()
    return Part(
        number=number,
        content_type=kind,
        file_name=found.get_filename() or f"part-{number}.{kind.partition('/')[2]}",
        content_id=str(found.get("Content-ID", "")).strip("<> "),
        size=len(_payload(found)),
    )


def _payload(found: EmailMessage) -> bytes:
    payload = found.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text_of(found: EmailMessage | None) -> str | None:
    if found is None:
        return None
    try:
        return _payload(found).decode(found.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset nobody knows
        return _payload(found).decode("utf-8", "replace")
