"""A text or a logo of an invoice makes the renderer fetch nothing: no connection, no file."""

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from invoice_documents import SELLER, make_document, read_pages

from crm.documents.logo import UnreadableLogo
from crm.documents.render import render_invoice

ATTEMPTS = [
    '#image("http://127.0.0.1:{port}/a.png")',
    '#read("/etc/passwd")',
    '#import "@preview/evil:1.0.0": *',
    "@import url(http://127.0.0.1:{port}/a.css)",
    '<img src="http://127.0.0.1:{port}/a.png"><link href="file:///etc/passwd">',
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:{port}/redirect"/></svg>',
    '<!DOCTYPE svg [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">]><svg>&x;</svg>',
]


@pytest.fixture
def listener() -> Iterator[tuple[int, list[object]]]:
    """A port, and who has connected to it."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    came.append(server.accept()[1])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_is_fetched(attempt: str, listener: tuple[int, list[object]]) -> None:
    port, came = listener
    text = attempt.replace("{port}", str(port))
    document = make_document(1)
    seller = replace(SELLER, name=text, footer=text, payment_instructions=text)
    line = replace(document.lines[0], description=text)

    pages = "".join(read_pages(render_invoice(replace(document, lines=(line,), seller=seller, notes=text))))
    with pytest.raises(UnreadableLogo):
        render_invoice(replace(document, seller=replace(SELLER, logo=text.encode())))

    assert came == []
    assert not re.search(r"root:.?:0:0", pages)
