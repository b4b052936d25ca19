"""Outgoing mail: headers nobody can write into, and what each answer of a real SMTP server means."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from header_injections import INJECTIONS
from hypothesis import given
from hypothesis import strategies as st

from crm.kernel import mail
from crm.kernel.mail import Attachment, MailRefused, MailUnavailable, compose
from crm.kernel.mailboxes import Mailbox, UnsafeHeader, domain_of
from crm.kernel.settings import settings
from stack.mail_catcher import MailCatcher
from stack.sockets import listen

GIVEN: dict[str, Any] = {
    "sender": Mailbox("billing@quillmere.example", "Quillmere"),
    "recipient": Mailbox("ada@customer.example", "Ada Lovelace"),
    "subject": "Invoice 1",
    "text": "Dear Ada,\n\nplease pay.\n",
    "html": "<p>Dear Ada, please pay.</p>",
    "message_id": "0198c0@quillmere.example",
    "dated": datetime(2026, 5, 1, 12, tzinfo=UTC),
}


def parsed(message: EmailMessage) -> EmailMessage:
    """As the recipient's program reads it."""
    raw = message.as_bytes(policy=policy.SMTP)
    return message_from_bytes(raw, policy=policy.default)  # type: ignore[return-value]


def test_a_message_has_a_text_an_html_part_and_its_attachment() -> None:
    pdf = Attachment("Rechnung Ä.pdf", "application/pdf", b"%PDF-\x00\xff")

    message = parsed(compose(**GIVEN, attachments=[pdf]))

    assert str(message["From"]) == "Quillmere <billing@quillmere.example>"
    assert str(message["To"]) == "Ada Lovelace <ada@customer.example>"
    assert (message["Subject"], message["Message-ID"]) == ("Invoice 1", "<0198c0@quillmere.example>")
    assert message["Date"].datetime == GIVEN["dated"]
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == GIVEN["text"]
    assert html.get_content().strip() == GIVEN["html"]
    (attachment,) = message.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content()) == ("Rechnung Ä.pdf", b"%PDF-\x00\xff")


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize(
    "place",
    [
        lambda v: {"subject": v},
        lambda v: {"sender": Mailbox("a@b.example", v)},
        lambda v: {"recipient": Mailbox("a@b.example", v)},
        lambda v: {"sender": Mailbox(f"{v}@b.example")},
        lambda v: {"recipient": Mailbox(f"a@b.example{v}")},
        lambda v: {"message_id": f"{v}@b.example"},
        lambda v: {"message_id": f"a@{v}"},
        lambda v: {"attachments": [Attachment(v, "application/pdf", b"")]},
        lambda v: {"attachments": [Attachment("a.pdf", f"application/{v}", b"")]},
    ],
)
def test_no_value_can_break_out_of_its_header(value: str, place: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(UnsafeHeader):
        compose(**GIVEN | place(value))


@pytest.mark.parametrize("address", ["", "nobody", "a@b", "a@b.example, c@d.example", "a b@c.example"])
def test_what_is_no_single_address_is_refused(address: str) -> None:
    with pytest.raises(UnsafeHeader):
        compose(**GIVEN | {"recipient": Mailbox(address)})


@given(st.text(max_size=200))
def test_whatever_a_name_or_subject_says_there_is_one_recipient(text: str) -> None:
    try:
        message = parsed(
            compose(**GIVEN | {"recipient": Mailbox("ada@customer.example", text), "subject": text})
        )
    except UnsafeHeader:
        return

    assert [a.addr_spec for a in message["To"].addresses] == ["ada@customer.example"]
    assert {name.lower() for name in message.keys()} == {  # noqa: SIM118  a message is no mapping
        "from", "to", "subject", "date", "message-id", "mime-version", "content-type"
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "a" * 60 + ", evil@x.example, " + "b" * 60,
        'Smith "Bob" (x) ' + "word " * 30 + ", foo@bar.example",
        "Ünicode " * 20 + "<evil@x.example>",
    ],
)
def test_a_long_name_that_is_folded_makes_no_second_recipient(name: str) -> None:
    message = parsed(compose(**GIVEN | {"recipient": Mailbox("ada@customer.example", name)}))

    assert [a.addr_spec for a in message["To"].addresses] == ["ada@customer.example"]


def test_an_international_domain_travels_in_ascii() -> None:
    message = compose(**GIVEN | {"recipient": Mailbox("info@köln.example")})

    assert message["To"].addresses[0].addr_spec == "info@xn--kln-sna.example"
    assert domain_of("info@köln.example") == "xn--kln-sna.example"


@pytest.fixture
def smtp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Points SMTP_URL at a server, for one test."""

    def use(url: str) -> None:
        monkeypatch.setenv("SMTP_URL", url)
        settings.cache_clear()

    yield use
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def catcher(tmp_path: Path, smtp: Callable[[str], None]) -> Iterator[MailCatcher]:
    with MailCatcher(tmp_path) as server:
        smtp(server.url)
        yield server


async def send(**changes: Any) -> None:
    async with mail.server() as server:
        await server.send(compose(**GIVEN | changes))


async def test_a_message_arrives_byte_for_byte_at_its_recipient(catcher: MailCatcher) -> None:
    content = bytes(range(256)) * 40

    await send(attachments=[Attachment("a.bin", "application/octet-stream", content)], text="ü" * 2000)

    (kept,) = catcher.messages()
    assert (kept.envelope_from, kept.envelope_to) == ("billing@quillmere.example", ["ada@customer.example"])
    assert (kept.text() or "").strip() == "ü" * 2000
    (attachment,) = kept.message.iter_attachments()  # type: ignore[attr-defined]
    assert attachment.get_content() == content


async def test_one_conversation_carries_several_messages(catcher: MailCatcher) -> None:
    async with mail.server() as server:
        for number in range(3):
            await server.send(compose(**GIVEN | {"subject": f"Invoice {number}"}))

    assert [kept.header("Subject") for kept in catcher.messages()] == [f"Invoice {n}" for n in range(3)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("550 5.1.1 No such user", MailRefused),
        ("553 5.1.3 Bad address", MailRefused),
        ("450 4.2.1 Greylisted", MailUnavailable),
        ("421 4.3.2 Closing", MailUnavailable),
    ],
)
async def test_what_the_server_says_of_a_recipient(
    catcher: MailCatcher, answer: str, error: type[Exception]
) -> None:
    catcher.reject = lambda _: answer

    with pytest.raises(error, match=answer):
        await send()

    assert catcher.messages() == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [("554 5.7.1 Spam", MailRefused), ("452 4.3.1 Disk full", MailUnavailable)],
)
async def test_what_the_server_says_of_a_message(
    catcher: MailCatcher, answer: str, error: type[Exception]
) -> None:
    catcher.refuse = lambda _: answer

    with pytest.raises(error, match=answer):
        await send()


async def test_after_a_refusal_the_conversation_goes_on(catcher: MailCatcher) -> None:
    catcher.reject = lambda address: "550 No" if address.startswith("gone") else None

    async with mail.server() as server:
        with pytest.raises(MailRefused):
            await server.send(compose(**GIVEN | {"recipient": Mailbox("gone@customer.example")}))
        await server.send(compose(**GIVEN))

    assert len(catcher.messages()) == 1


async def test_the_servers_words_are_shown_without_control_characters(catcher: MailCatcher) -> None:
    catcher.refuse = lambda _: "554 \x1b[31mred\x07 " + "x" * 900

    with pytest.raises(MailRefused) as refused:
        await send()

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) <= mail.MAX_REASON


async def test_nobody_listening_is_unavailable(smtp: Callable[[str], None]) -> None:
    with listen(0) as free:
        port = free.getsockname()[1]
    smtp(f"smtp://127.0.0.1:{port}")

    with pytest.raises(MailUnavailable, match="does not answer"):
        await send()


async def test_a_host_nobody_knows_is_unavailable(smtp: Callable[[str], None]) -> None:
    smtp("smtp://mail.invalid:25")

    with pytest.raises(MailUnavailable):
        await send()


async def test_a_server_that_says_nothing_is_given_up(
    smtp: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "STEP_SECONDS", 0.2)
    with listen(0) as silent:
        smtp(f"smtp://127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(MailUnavailable, match="does not answer"):
            await send()


async def test_a_server_that_hangs_up_in_the_middle_is_unavailable(smtp: Callable[[str], None]) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"220 hello\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            writer.write(answer)
            await writer.drain()
            await reader.readline()
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        smtp(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")

        with pytest.raises(MailUnavailable):
            await send()


async def test_a_bad_goodbye_is_nobodys_loss(smtp: Callable[[str], None]) -> None:
    """The message was taken; what the server does when told QUIT no longer matters."""
    taken: list[bytes] = []

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"220 hello\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            writer.write(answer)
            await writer.drain()
            await reader.readline()
        taken.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 kept\r\n")
        await writer.drain()
        await reader.readline()
        writer.close()

    async with await asyncio.start_server(rude, "127.0.0.1", 0) as server:
        smtp(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")

        await send()

    assert len(taken) == 1


class _Keep:
    def __init__(self) -> None:
        self.kept: list[Envelope] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802
        self.kept.append(envelope)
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    directory = tmp_path_factory.mktemp("tls")
    key, crt = directory / "key.pem", directory / "crt.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", crt],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, crt


def _tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


def _authenticator(
    _server: object, _session: object, _envelope: object, _mechanism: str, data: object
) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"kith", b"p@ss:word/")
    return AuthResult(success=known, handled=False)


@pytest.fixture
def submission(certificate: tuple[Path, Path]) -> Iterator[tuple[Controller, _Keep]]:
    """A server as providers run them: STARTTLS and a log-in first, then mail."""
    keep = _Keep()
    with listen(0) as free:
        port = free.getsockname()[1]
    controller = Controller(
        keep, hostname="localhost", port=port, tls_context=_tls(certificate), require_starttls=True,
        authenticator=_authenticator, auth_required=True, server_hostname="localhost",
    )  # fmt: skip
    controller.start()
    yield controller, keep
    controller.stop()


async def test_starttls_and_log_in_are_used_when_offered(
    submission: tuple[Controller, _Keep],
    certificate: tuple[Path, Path],
    smtp: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    controller, keep = submission
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    smtp(f"smtp://kith:p%40ss%3Aword%2F@localhost:{controller.port}")

    await send()

    assert [envelope.rcpt_tos for envelope in keep.kept] == [["ada@customer.example"]]


async def test_a_wrong_password_may_be_mended_so_it_is_tried_again(
    submission: tuple[Controller, _Keep],
    certificate: tuple[Path, Path],
    smtp: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    controller, keep = submission
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    smtp(f"smtp://kith:wrong@localhost:{controller.port}")

    with pytest.raises(MailUnavailable, match="535"):
        await send()

    assert keep.kept == []


async def test_a_certificate_nobody_vouches_for_is_not_trusted(
    submission: tuple[Controller, _Keep], smtp: Callable[[str], None]
) -> None:
    controller, keep = submission
    smtp(f"smtp://kith:p%40ss%3Aword%2F@localhost:{controller.port}")

    with pytest.raises(MailUnavailable, match="certificate"):
        await send()

    assert keep.kept == []


async def test_smtps_speaks_tls_from_the_first_byte(
    certificate: tuple[Path, Path], smtp: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = _Keep()
    with listen(0) as free:
        port = free.getsockname()[1]
    controller = Controller(
        keep, hostname="localhost", port=port, ssl_context=_tls(certificate), server_hostname="localhost"
    )
    await asyncio.to_thread(controller.start)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    smtp(f"smtps://localhost:{port}")

    try:
        await send()
    finally:
        await asyncio.to_thread(controller.stop)

    assert len(keep.kept) == 1


async def test_an_international_mailbox_is_written_as_it_is(catcher: MailCatcher) -> None:
    await send(recipient=Mailbox("άννα@customer.example", "Άννα"))

    (kept,) = catcher.messages()
    assert kept.envelope_to == ["άννα@customer.example"]


async def test_an_address_the_server_cannot_write_is_refused_for_good(smtp: Callable[[str], None]) -> None:
    """Without SMTPUTF8 there is no way to name a mailbox in Greek."""
    keep = _Keep()
    with listen(0) as free:
        port = free.getsockname()[1]
    controller = Controller(
        keep,
        hostname="127.0.0.1",
        port=port,
        enable_SMTPUTF8=False,
        decode_data=False,
        server_hostname="localhost",
    )
    await asyncio.to_thread(controller.start)
    smtp(f"smtp://127.0.0.1:{port}")

    try:
        with pytest.raises(MailRefused, match="cannot serve the address"):
            await send(recipient=Mailbox("άννα@customer.example"))
    finally:
        await asyncio.to_thread(controller.stop)
