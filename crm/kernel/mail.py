"""Outgoing mail: messages into whose headers nobody can write, and the conversation with the SMTP server.

For those who send it, workers: the libraries are 1 MB. What others need to know of addresses is in mailboxes.py.
"""

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTP

from crm.kernel.mailboxes import Mailbox, UnsafeHeader, ascii_address, header_text
from crm.kernel.settings import settings
from crm.kernel.values import InvalidValue, parse_email

STEP_SECONDS = 15.0  # for each answer of the server
MESSAGE_SECONDS = 40.0  # for handing over a whole message
MAX_REASON = 500
_PERMANENT = range(500, 600)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]{1,80}@[A-Za-z0-9.-]{1,110}").fullmatch
# What gives an address list its structure. Python 3.11 drops the quotes of a long name when it folds the
# header, and then a comma or an @ in the name makes addresses of its parts.
_STRUCTURE = re.compile(r'[,;:<>()\[\]@\\"]+')


class MailRefused(Exception):
    """The server will never take this message for this recipient. The text is a sentence for people."""


class MailUnavailable(Exception):
    """The message was not taken this time; another try may succeed. The text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Attachment:
    filename: str
    media_type: str
    content: bytes


def compose(
    *,
    sender: Mailbox,
    recipient: Mailbox,
    subject: str,
    text: str,
    html: str,
    message_id: str,
    dated: datetime,
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    """A message with a text and an HTML part. `message_id` is `local@domain`, the same at every try.

    Raises UnsafeHeader when any value of a header has control characters or `=?`, or is no address.
    """
    if not _MESSAGE_ID(message_id):
        raise UnsafeHeader("A Message-ID is made of letters, digits, dots and hyphens around one @.")
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = _address(sender)
    message["To"] = _address(recipient)
    message["Subject"] = header_text(subject)
    message["Date"] = dated
    message["Message-ID"] = f"<{message_id}>"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    for each in attachments:
        kind, _, subtype = header_text(each.media_type).partition("/")
        name = header_text(each.filename)
        message.add_attachment(each.content, maintype=kind, subtype=subtype, filename=name)
    return message


def _address(mailbox: Mailbox) -> Address:
    try:
        email = ascii_address(parse_email(mailbox.email))
    except InvalidValue as error:
        raise UnsafeHeader(error.message) from None
    name = " ".join(_STRUCTURE.sub(" ", header_text(mailbox.name)).split())
    local, _, domain = email.rpartition("@")
    return Address(name, local, domain)


class Server:
    """An open conversation with the SMTP server."""

    def __init__(self, client: SMTP) -> None:
        self._client = client

    async def send(self, message: EmailMessage) -> None:
        """Hand over one message to its one recipient. Raises MailRefused or MailUnavailable.

        A message can have been taken although this raises MailUnavailable: the answer may be what got lost.
        """
        recipient = message["To"].addresses[0].addr_spec
        with _failures(recipient):
            async with asyncio.timeout(MESSAGE_SECONDS):
                await self._client.send_message(
                    message, sender=message["From"].addresses[0].addr_spec, recipients=[recipient]
                )


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """A conversation with the server of SMTP_URL: TLS for smtps, else STARTTLS when offered; log-in if named.

    Raises MailUnavailable when there is none to be had. What goes wrong while saying goodbye is nobody's loss.
    """
    client = _client(settings().smtp_url)
    with _failures(None):
        await client.connect()
    try:
        yield Server(client)
    finally:
        await _goodbye(client)


def _client(url: str) -> SMTP:
    parts = urlsplit(url)
    secure = parts.scheme == "smtps"
    return SMTP(
        hostname=parts.hostname or "127.0.0.1",
        port=parts.port or (465 if secure else 25),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or "") if parts.username else None,
        use_tls=secure,
        start_tls=False if secure else None,
        local_hostname=_own_name(),
        timeout=STEP_SECONDS,
    )


def _own_name() -> str:
    """How we introduce ourselves; asking the resolver instead could block the event loop."""
    host = urlsplit(settings().public_url).hostname or "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[{'IPv6:' if address.version == 6 else ''}{address}]"  # noqa: PLR2004  RFC 5321, 4.1.3


async def _goodbye(client: SMTP) -> None:
    try:
        async with asyncio.timeout(1):
            await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        client.close()


@contextlib.contextmanager
def _failures(recipient: str | None) -> Iterator[None]:
    try:
        yield
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        raise _failure(error, recipient) from error


def _failure(error: Exception, recipient: str | None) -> MailRefused | MailUnavailable:
    """Only an answer 5xx to a message is final; one to a greeting or log-in is the operator's to mend."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if recipient is not None and isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return MailRefused(_sentence(f"The mail server cannot serve the address {recipient}", error))
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return MailUnavailable(_sentence("The mail server does not answer", error))
    answer = f"{error.code} {error.message}"
    if recipient is not None and error.code in _PERMANENT:
        return MailRefused(_sentence(f"The mail server refused the message to {recipient}", answer))
    return MailUnavailable(_sentence("The mail server did not take the message", answer))


def _sentence(what: str, why: object) -> str:
    """With the server's own words, as far as they can be shown."""
    words = "".join(char if char.isprintable() else " " for char in str(why))
    return f"{what}: {' '.join(words.split()) or type(why).__name__}"[:MAX_REASON]
