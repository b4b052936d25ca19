"""The mail catcher and its page in one process, for `kith dev` and `kith mail`."""

import socket
from pathlib import Path

import uvicorn

from stack.mail_catcher import MailCatcher
from stack.mail_page import create_page


async def serve_mail(directory: Path, *, smtp: socket.socket, page: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    catcher = MailCatcher(directory)
    server = await catcher.serve(smtp)
    config = uvicorn.Config(
        create_page(catcher.mailbox), log_level="warning", access_log=False, lifespan="off"
    )
    try:
        await uvicorn.Server(config).serve(sockets=[page])
    finally:
        server.close()
