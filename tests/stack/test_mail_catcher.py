"""The mail catcher as an SMTP server, spoken to over a real connection."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from stack.mail_catcher import MailCatcher


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[MailCatcher]:
    with MailCatcher(tmp_path) as catcher:
        yield catcher


@pytest.fixture
def client(catcher: MailCatcher) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", catcher.port) as client:
        yield client


def invoice(number: int = 1) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Kith <invoices@kith.example>"
    message["To"] = "Jürgen Krause <j.krause@krause.example>"
    message["Subject"] = f"Invoice {number}: Grüße"
    message.set_content("Dear customer\n")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="Rechnung „März“.pdf")
    return message


def test_a_message_is_kept_byte_for_byte_with_its_envelope(
    catcher: MailCatcher, client: smtplib.SMTP
) -> None:
    raw = b"Subject: dots\r\n\r\n..leading dot\r\n.\xff odd bytes\r\n"

    client.sendmail("sender@kith.example", ["one@x.example", "two@x.example"], raw)

    (kept,) = catcher.messages()
    assert kept.raw == raw
    assert kept.envelope_from == "sender@kith.example"
    assert kept.envelope_to == ["one@x.example", "two@x.example"]


def test_the_file_is_an_eml_any_mail_program_opens(catcher: MailCatcher, client: smtplib.SMTP) -> None:
    client.send_message(invoice())

    (file,) = catcher.mailbox.directory.glob("*.eml")
    lines = file.read_bytes().split(b"\r\n")
    assert lines[:2] == [b"Return-Path: <invoices@kith.example>", b"Delivered-To: j.krause@krause.example"]
    assert lines[3] == b"From: Kith <invoices@kith.example>"


def test_addresses_beyond_ascii_are_accepted(catcher: MailCatcher, client: smtplib.SMTP) -> None:
    raw = "From: müller@exämple.example\r\nSubject: Grüße\r\n\r\nhällo\r\n".encode()

    client.sendmail("müller@exämple.example", ["jörg@exämple.example"], raw, mail_options=["SMTPUTF8"])

    (kept,) = catcher.messages()
    assert kept.envelope_to == ["jörg@exämple.example"]
    assert kept.header("Subject") == "Grüße"
    assert kept.text() == "hällo\r\n"


def test_messages_come_back_in_the_order_they_came(catcher: MailCatcher, client: smtplib.SMTP) -> None:
    for number in range(5):
        client.send_message(invoice(number))

    subjects = [kept.header("Subject") for kept in catcher.messages()]
    assert subjects == [f"Invoice {number}: Grüße" for number in range(5)]


def test_chosen_recipients_are_refused_with_a_chosen_code(catcher: MailCatcher, client: smtplib.SMTP) -> None:
    catcher.reject = lambda address: "550 5.1.1 No such mailbox" if address.startswith("nobody@") else None

    refused = client.sendmail("a@kith.example", ["nobody@x.example", "some@x.example"], b"Subject: x\r\n\r\n")

    assert refused == {"nobody@x.example": (550, b"5.1.1 No such mailbox")}
    assert [kept.envelope_to for kept in catcher.messages()] == [["some@x.example"]]


def test_a_message_can_be_refused_after_it_arrived(catcher: MailCatcher, client: smtplib.SMTP) -> None:
    catcher.refuse = lambda envelope: (
        "451 4.3.0 Try again later" if b"x" in (envelope.content or b"") else None
    )

    with pytest.raises(smtplib.SMTPDataError) as refusal:
        client.sendmail("a@kith.example", ["b@x.example"], b"Subject: x\r\n\r\n")

    assert refusal.value.smtp_code == 451
    assert catcher.messages() == []


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    with MailCatcher(tmp_path) as catcher, smtplib.SMTP("127.0.0.1", catcher.port) as client:
        client.send_message(invoice())

    with MailCatcher(tmp_path) as catcher:
        assert [kept.header("Subject") for kept in catcher.messages()] == ["Invoice 1: Grüße"]


def test_nobody_answers_once_it_has_stopped(tmp_path: Path) -> None:
    with MailCatcher(tmp_path) as catcher:
        port = catcher.port

    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", port)
