import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from invoice_documents import SELLER, make_document

from crm.invoices.mail_template import render_invoice_email

BODY = "Dear Hélène Martin,\n\nPlease find attached our invoice.\nIt is due soon.\n\nKind regards"
VOID_ELEMENTS = {"meta", "br"}


class Reading(HTMLParser):
    """What a reader sees, and whether every element that was opened is closed again."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_both_parts_say_the_same() -> None:
    email = render_invoice_email(make_document(3), BODY)
    page = Reading(email.html)

    for said in (
        "Dear Hélène Martin,",
        "Please find attached our invoice.",
        "It is due soon.",
        "Kind regards",
        "Invoice number INV-2026-00042",
        "Invoice date 21 November 2026",
        "Due date 21 December 2026",
        "Your reference PO 4711",
        "Order number SO-99812",
        "Total €67.46",
        "Account holder Lindqvist & Sons",
        "IBAN DE89 3704 0044 0532 0130 00",
        "BIC HASPDEHHXXX",
        "Reference INV-2026-00042",
        "Lindqvist & Sons Wholesale GmbH",
        "Speicherstraße 12, 20457 Hamburg, GERMANY",
        "Company no. HRB 123456 Hamburg · VAT ID DE123456789",
        "Managing directors: Anna Becker, Jonas Lund.",
    ):
        assert said in page.text, said
        assert said.replace(": ", " ") in " ".join(email.text.replace(": ", " ").split()), said
    assert page.open == []


def test_the_text_part_reads_well_by_itself() -> None:
    text = render_invoice_email(
        make_document(1, seller=replace(SELLER, footer=None)), "Hello,\n\nhere it is."
    ).text

    assert text.replace("\xa0", " ") == (
        "Hello,\n"
        "\n"
        "here it is.\n"
        "\n"
        "Invoice INV-2026-00042\n"
        "  Invoice number: INV-2026-00042\n"
        "  Invoice date: 21 November 2026\n"
        "  Due date: 21 December 2026\n"
        "  Your reference: PO 4711\n"
        "  Order number: SO-99812\n"
        "  Total: €11.84\n"
        "\n"
        "Payment\n"
        "  Account holder: Lindqvist & Sons\n"
        "  Bank: Hansebank\n"
        "  IBAN: DE89 3704 0044 0532 0130 00\n"
        "  BIC: HASPDEHHXXX\n"
        "  Reference: INV-2026-00042\n"
        "\n"
        "-- \n"
        "Lindqvist & Sons Wholesale GmbH\n"
        "Speicherstraße 12, 20457 Hamburg, GERMANY\n"
        "Tel. +49 40 1234560 · billing@lindqvist.example\n"
        "Company no. HRB 123456 Hamburg · VAT ID DE123456789\n"
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", ("Rechnungsdatum 21. November 2026", "Gesamtbetrag 67,46 €", "Verwendungszweck")),
        ("fr", ("Date de facture 21 novembre 2026", "Total TTC 67,46 €", "Titulaire du compte")),
        ("es", ("Fecha de factura 21 de noviembre de 2026", "Total 67,46 €", "Titular de la cuenta")),
        ("ja", ("Invoice date 21 November 2026", "Total €67.46")),
    ],
)
def test_the_email_speaks_the_customers_language(language: str, said: tuple[str, ...]) -> None:
    email = render_invoice_email(make_document(3, language=language), BODY)

    page = Reading(email.html)
    assert [phrase for phrase in said if phrase not in page.text] == []
    assert ("lang", language if language != "ja" else "en") in page.attributes


def test_what_was_paid_is_shown_and_nothing_is_asked_for_once_it_is_all() -> None:
    document = make_document(3)

    part = Reading(
        render_invoice_email(replace(document, paid=Decimal(9), due=document.gross - 9), BODY).html
    ).text
    full = render_invoice_email(replace(document, paid=document.gross, due=Decimal(0)), BODY)

    assert "Total €67.46 Paid €9.00 Amount due €58.46" in part
    assert "Amount due €0.00" in Reading(full.html).text
    assert "IBAN" not in full.html + full.text


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</td></tr></table>",
        "<!-- ",
        "&lt;b&gt; &amp;",
        "{{ 7 * 7 }} {% include '/etc/passwd' %}",
        "${7*7} #{7*7}",
    ],
)
def test_nothing_in_a_text_is_markup(text: str) -> None:
    seller = replace(SELLER, name=text, footer=text, payment_instructions=text)
    document = replace(make_document(1, seller=seller), number=text, customer_reference=text)

    email = render_invoice_email(document, f"{text}\n\n{text}")
    page = Reading(email.html)

    assert page.text.count(text) >= 6
    assert email.text.count(text) >= 6
    assert page.open == []
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]


def test_control_characters_and_tricks_with_direction_are_left_out() -> None:
    email = render_invoice_email(make_document(1), "a\x00b\x1bc\u202ed\u2066e\r\nf\rg")

    assert email.text.startswith("abcde\nf\ng\n")
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", email.html + email.text)


def test_the_html_part_needs_nothing_from_elsewhere() -> None:
    html = render_invoice_email(make_document(3), BODY).html

    assert not re.search(r"https?:|<img|<link|<style|<script|url\(|@import", html)
    assert len(html.encode()) < 20_000


def test_a_paragraph_runs_in_the_direction_of_its_own_script() -> None:
    page = Reading(render_invoice_email(make_document(1), "عزيزتي السيدة مارتن،\n\nDear Ms Martin,").html)

    assert page.attributes.count(("dir", "auto")) >= 2
