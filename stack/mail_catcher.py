"""An SMTP server on loopback that keeps every message and delivers none; it can play a failing server."""

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from stack.mailbox import Mailbox, StoredMessage
from stack.sockets import LOOPBACK, listen, port_of

MAX_MESSAGE_BYTES = 50_000_000

# What to answer instead of accepting, such as "550 5.1.1 No such mailbox"; None accepts.
RefuseRecipient = Callable[[str], str | None]
RefuseMessage = Callable[[Envelope], str | None]


class MailCatcher:
    """A server for tests, in a thread of its own; a context manager.

    `reject` is asked about each recipient and `refuse` about each message once it has arrived; both may be
    replaced while it runs. `refuse` runs in the server's thread: a slow one makes a slow server.
    """

    def __init__(
        self,
        directory: Path,
        *,
        reject: RefuseRecipient | None = None,
        refuse: RefuseMessage | None = None,
    ) -> None:
        self.mailbox = Mailbox(directory)
        self.reject = reject
        self.refuse = refuse
        self._listener: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        if self._listener is None:
            raise RuntimeError("The mail catcher is not running.")
        return port_of(self._listener)

    @property
    def url(self) -> str:
        """An SMTP_URL."""
        return f"smtp://{LOOPBACK}:{self.port}"

    def messages(self) -> list[StoredMessage]:
        """Return all kept messages, oldest first."""
        return [found for name in reversed(self.mailbox.ids()) if (found := self.mailbox.get(name))]

    def start(self, listener: socket.socket | None = None) -> None:
        """Serve on `listener`, or on any free port."""
        self._listener = listener or listen(0)
        loop = self._loop = asyncio.new_event_loop()
        self._server = loop.run_until_complete(self.serve(self._listener))
        self._thread = threading.Thread(target=loop.run_forever, name="mail-catcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        if self._server is not None:
            self._server.close()
        self._loop.run_until_complete(_cancel_all())
        self._loop.close()
        self._loop = self._thread = self._listener = self._server = None

    async def serve(self, listener: socket.socket) -> asyncio.Server:
        """Serve on `listener` in the running loop."""
        return await asyncio.get_running_loop().create_server(self._protocol, sock=listener)

    def _protocol(self) -> SMTP:
        return SMTP(
            _Handler(self),
            loop=asyncio.get_running_loop(),
            hostname="localhost",  # the default asks the DNS
            ident="Kith mail catcher",
            enable_SMTPUTF8=True,
            data_size_limit=MAX_MESSAGE_BYTES,
        )


class _Handler:
    """The hooks of one connection. aiosmtpd reads every member of it, so it holds nothing else."""

    def __init__(self, catcher: MailCatcher) -> None:
        self._catcher = catcher

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds its hooks by these names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reject = self._catcher.reject
        refusal = reject(address) if reject else None
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        refuse = self._catcher.refuse
        refusal = refuse(envelope) if refuse else None
        if refusal:
            return refusal
        raw = envelope.original_content or b""
        kept = self._catcher.mailbox.add(raw, sender=envelope.mail_from or "", recipients=envelope.rcpt_tos)
        return f"250 2.0.0 OK kept as {kept}"


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
