"""What is on the pages, read back as a customer's PDF reader would."""

import hashlib
import re
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invoice_documents import BUYER, SELLER, make_document, make_logo, read_pages
from pypdf import PdfReader

from crm.documents.addresses import PostalAddress
from crm.documents.invoice import Buyer, InvoiceDocument, Paper, freeze, thaw
from crm.documents.logo import UnreadableLogo
from crm.documents.render import render_invoice
from crm.invoices.lines import Discount, LineInput, TaxCategory

TESTS = Path(__file__).resolve().parents[2]


def words(pdf: bytes) -> str:
    """All text with the places to break long words taken out again."""
    return "\n".join(read_pages(pdf)).replace("\u200b", "")


def with_text(document: InvoiceDocument, text: str) -> InvoiceDocument:
    """The document with a text in every place where people write freely."""
    line = replace(document.lines[0], description=text)
    address = PostalAddress(building=text, street=text, city=text, state=text, postcode=text, country="DE")
    return replace(
        document,
        lines=(line, *document.lines[1:]),
        buyer=Buyer(name=text, contact=text, vat_id=text, address=address),
        seller=replace(
            SELLER, name=text, footer=text, payment_instructions=text, email=text, address=address
        ),
        customer_reference=text,
        order_number=text,
        payment_terms=text,
        payment_reference=text,
        notes=text,
    )


# ── What is said ──


def test_an_invoice_says_everything_it_was_given() -> None:
    text = words(render_invoice(make_document(3, discount=Discount(percent=Decimal(5)))))

    for said in (
        "Lindqvist & Sons Wholesale GmbH",
        "HRB 123456 Hamburg",
        "VAT ID DE123456789",
        "billing@lindqvist.example",
        "Managing directors: Anna Becker, Jonas Lund.",
        "Brasserie du Port SARL\nHélène Martin\n4 quai des Belges\n13001 Marseille\nFRANCE",
        "Invoice number INV-2026-00042",
        "Invoice date 21 November 2026",
        "Date of supply 18 November 2026",
        "Due date 21 December 2026",
        "Your reference PO 4711",
        "Order number SO-99812",
        "Your VAT ID FR40303265045",
        "1 Article 0001 1 box 9.95 19% 9.95",
        "2 Article 0002 2 boxes 9.95 19% 19.90",
        "3 Article 0003 3 boxes 9.95 7% 29.85",
        "19% 28.35 5.39\n7% 28.36 1.99",
        "Subtotal €59.70",
        "Discount 5% −€2.99",
        "Net amount €56.71",
        "VAT €7.38",
        "Total €64.09",
        "Please pay €64.09 by 21 December 2026.",
        "IBAN DE89 3704 0044 0532 0130 00",
        "Reference INV-2026-00042",
        "Goods remain our property until paid in full.",
        "Page 1 of 1",
    ):
        assert said in text.replace("\xa0", " "), said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "de",
            ("Rechnung INV-", "Fällig am 21. Dezember 2026", "Gesamtbetrag 67,46 €", "19 %", "Seite 1 von 1"),
        ),
        ("fr-FR", ("Facture INV-", "Échéance 21 décembre 2026", "Total TTC 67,46 €", "19 %", "Page 1 sur 1")),
        ("es", ("Factura INV-", "Vencimiento 21 de diciembre de 2026", "Total 67,46 €", "Página 1 de 1")),
        ("en-US", ("Invoice INV-", "Due date December 21, 2026", "Total €67.46")),
        ("de-CH", ("Rechnung INV-", "Gesamtbetrag EUR 67.46")),
        ("sv", ("Invoice INV-", "Due date 21 December 2026", "Total €67.46")),
    ],
)
def test_an_invoice_speaks_the_customers_language(language: str, said: tuple[str, ...]) -> None:
    text = words(render_invoice(make_document(3, language=language)))

    flat = text.replace("\xa0", " ").replace("\u202f", " ")
    assert [phrase for phrase in said if phrase not in flat] == []


@pytest.mark.parametrize(
    ("currency", "price", "net", "gross"),
    [
        ("JPY", "333.5", "1,001", "JP¥1,191"),
        ("KWD", "1.2345", "3.704", "KWD 4.408"),
        ("EUR", "0.005", "0.02", "€0.02"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency_and_prices_all_they_need(
    currency: str, price: str, net: str, gross: str
) -> None:
    line = LineInput("Cable", Decimal(3), Decimal(price), Decimal(19), unit="MTR")

    text = words(render_invoice(make_document([line], currency=currency))).replace("\xa0", " ")

    assert f"1 Cable 3 m {price} 19% {net}" in text
    assert f"Total {gross}" in text


def test_what_was_paid_is_taken_off_and_nothing_is_asked_for_once_it_is_all() -> None:
    document = make_document(3)

    part = words(render_invoice(replace(document, paid=Decimal(9), due=document.gross - 9)))
    full = words(render_invoice(replace(document, paid=document.gross, due=Decimal(0))))

    assert "Paid −€9.00\nAmount due €58.46" in part
    assert "Please pay €58.46 by" in part
    assert "Paid in full" in full
    assert "Please pay" not in full
    assert "Account holder" not in full


def test_the_reason_for_no_tax_is_printed() -> None:
    line = LineInput("Turbine", Decimal(1), Decimal(100), Decimal(0), TaxCategory.REVERSE_CHARGE)

    assert "Steuerschuldnerschaft des Leistungsempfängers." in words(
        render_invoice(make_document([line], language="de"))
    )


def test_where_there_is_no_vat_the_tax_is_not_called_so() -> None:
    seller = replace(
        SELLER, address=PostalAddress(city="Portland", state="OR", postcode="97201", country="US")
    )

    text = words(render_invoice(make_document(3, seller=seller, paper=Paper.LETTER)))

    assert "VAT" not in text
    assert "Portland, OR 97201" in text


def test_a_draft_is_marked_on_every_page_and_an_invoice_on_none() -> None:
    document = replace(make_document(60), number=None, issue_date=None)

    draft = read_pages(render_invoice(document, draft=True))

    assert len(draft) == 3
    assert all("DRAFT" in page for page in draft)
    assert "DRAFT" not in words(render_invoice(make_document(3)))


# ── Pages ──


@pytest.mark.parametrize(("lines", "pages"), [(1, 1), (12, 1), (60, 3), (500, 17)])
def test_every_line_of_a_long_invoice_is_printed_once_under_a_head_on_numbered_pages(
    lines: int, pages: int
) -> None:
    document = make_document(lines)

    text = read_pages(render_invoice(document))

    assert len(text) == pages
    assert re.findall(r"Article (\d{4})", "\n".join(text)) == [f"{place:04}" for place in range(1, lines + 1)]
    for number, page in enumerate(text, start=1):
        assert f"Page {number} of {pages}" in page
        assert "Description Quantity Unit price" in page
        assert ("Carried forward" in page) == (number < pages)
        assert ("Brought forward" in page) == (number > 1)


def test_what_is_carried_forward_is_the_sum_of_the_lines_so_far() -> None:
    document = make_document(60)

    first, second, third = read_pages(render_invoice(document))

    for before, after in ((first, second), (second, third)):
        done = int(re.findall(r"Article (\d{4})", before)[-1])
        so_far = f"€{sum(line.net for line in document.lines[:done]):,}"
        assert f"Carried forward {so_far}" in before
        assert f"Brought forward {so_far}" in after


@pytest.mark.parametrize("lines", range(14, 24))
def test_the_totals_never_stand_on_a_page_without_lines(lines: int) -> None:
    text = read_pages(render_invoice(make_document(lines)))

    with_totals = [page for page in text if "Net amount" in page]
    assert len(with_totals) == 1
    assert len(re.findall(r"Article \d{4}", with_totals[0])) >= 2
    assert "Total €" in with_totals[0]


def test_nothing_long_runs_over_the_edge_of_the_page() -> None:
    document = with_text(make_document(2), "W" * 1_000)
    longest = replace(document.lines[0], description="W" * 10_000)
    pages = PdfReader(BytesIO(render_invoice(replace(document, lines=(longest, *document.lines[1:]))))).pages
    ends: list[float] = []

    for page in pages:
        page.extract_text(
            visitor_text=lambda text, _cm, tm, _font, size: ends.append(tm[4] + len(text) * size)
        )

    assert len(pages) > 10
    assert max(ends) < float(pages[0].mediabox.width)


def test_an_invoice_fits_both_paper_sizes() -> None:
    for paper, size in ((Paper.A4, (595, 842)), (Paper.LETTER, (612, 792))):
        page = PdfReader(BytesIO(render_invoice(make_document(3, paper=paper)))).pages[0]
        assert (round(page.mediabox.width), round(page.mediabox.height)) == size


# ── Text is data ──


@pytest.mark.parametrize(
    "text",
    [
        '#read("/etc/passwd")',
        '#include "/etc/hostname"',
        '#import "@preview/cetz:0.3.0": *',
        '#eval("1 + 1") #panic("no") #sys.inputs.data',
        "*bold* _italic_ `raw` $x^2$ <label> @ref ~ -- ... 'quoted'",
        "= Heading",
        "- item + item / term: text",
        "// comment /* more */",
        "back\\slash \\u{41} \\",
        "{{ number }} {% raw %} ${jndi:ldap://x}",
    ],
)
def test_markup_in_a_text_is_printed_letter_for_letter(text: str) -> None:
    said = words(render_invoice(with_text(make_document(2), text)))

    # Once in each place, though a line may end anywhere within it.
    assert " ".join(said.split()).count(text) >= 5


def test_control_characters_and_tricks_with_direction_are_left_out() -> None:
    document = with_text(make_document(1), "Tea\x00\x07\x1b[31m \u202e00.1\u202c\u2066x\ufeff\tend")

    said = words(render_invoice(document))

    assert "1 Tea[31m 00.1x end 1 box" in said


def test_what_no_font_has_is_shown_as_missing_and_not_left_out() -> None:
    document = with_text(make_document(1), "A\ud800 B\ue000 C\U0001f9ff D\U00013000 E")

    assert "A� B� C� D� E" in words(render_invoice(document))


def test_every_character_of_the_basic_plane_can_be_printed() -> None:
    uniform = (range(0x3400, 0xA000), range(0xAC00, 0xD800), range(0xE000, 0xF900))  # Han, Hangul, private
    characters = [chr(code) for code in range(0x10000) if not any(code in block for block in uniform)]
    lines = [
        LineInput(" ".join(characters[start : start + 1000]) + " .", Decimal(1), Decimal(1), Decimal(19))
        for start in range(0, len(characters), 1000)
    ]

    assert render_invoice(make_document(lines)).startswith(b"%PDF-")


@pytest.mark.parametrize("base", ["a", "0", "中", "ก", "א", "←"])
def test_every_mark_can_be_printed_upon_any_character(base: str) -> None:
    marks = [chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M")]
    texts = [" ".join(base + mark for mark in marks[at : at + 400]) for at in range(0, len(marks), 400)]

    lines = [LineInput(text, Decimal(1), Decimal(1), Decimal(19)) for text in texts]
    assert render_invoice(make_document(lines)).startswith(b"%PDF-")


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_no_text_at_all_stops_an_invoice(text: str) -> None:
    assert render_invoice(with_text(make_document(1), text)).startswith(b"%PDF-")


SCRIPTS = {
    "Latin": "Łódź Þórður Škoda İstanbul ŵ ẞ œuvre",
    "Vietnamese": "Công ty Trách nhiệm Hữu hạn Xuất nhập khẩu",
    "Greek": "Ελληνικά Υπηρεσίες ΐ ῆ",
    "Cyrillic": "Услуги Ґанок Їжак Ђурађ Ўзбек",
    "Arabic": "شركة التجارة گچ پژ ١٢٣",
    "Hebrew": "חברת הדוגמה בע״מ",
    "Devanagari": "परामर्श सेवाएँ क्षत्रिय",
    "Bengali": "পরামর্শ সেবা",
    "Tamil": "ஆலோசனை சேவைகள்",
    "Telugu": "సలహా సేవలు",
    "Thai": "บริการให้คำปรึกษา",
    "Lao": "ບໍລິການ",
    "Khmer": "សេវាកម្ម",
    "Burmese": "ဝန်ဆောင်မှု",
    "Simplified Chinese": "简体中文发票电视",
    "Traditional Chinese": "繁體中文發票電視",
    "Japanese": "請求書 ひらがな カタカナ 々ー",
    "Korean": "세금계산서 뷁",
    "Armenian": "Հայերեն ծառայություն",
    "Georgian": "ქართული მომსახურება",
    "currencies": "€₹₺₽₫฿₩₪₴₸₦₱₲₵₡₭₮₼₾₿£¥",
    "signs": "✓★→≤≥≠∞µΩ½²‰№™℮•…–—☎✉①",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_promised_script_is_printed_whole(script: str) -> None:
    # PDF/A admits no missing glyph, so the rendering itself is the proof; the text shows that none was replaced.
    said = words(render_invoice(with_text(make_document(1), SCRIPTS[script])))

    assert "�" not in said


def test_an_ideograph_is_drawn_as_in_the_readers_country() -> None:
    fonts = {}
    for country in ("JP", "CN", "TW", "KR"):
        buyer = Buyer(name="直角 骨 海", address=PostalAddress(country=country))
        page = PdfReader(BytesIO(render_invoice(make_document(1, buyer=buyer)))).pages[0]
        fonts[country] = " ".join(str(font["/BaseFont"]) for font in page["/Resources"]["/Font"].values())

    assert [re.findall(r"NotoSans(JP|SC|TC|KR)", fonts[country]) for country in fonts] == [
        ["JP"],
        ["SC"],
        ["TC"],
        ["KR"],
    ]


# ── The file ──


def test_the_same_invoice_gives_the_same_bytes_in_every_process() -> None:
    script = (
        "import hashlib, sys; sys.path[:0] = sys.argv[1:]\n"
        "from invoice_documents import make_document, make_logo, SELLER\n"
        "from dataclasses import replace\n"
        "from crm.documents.render import render_invoice\n"
        "document = make_document(14, seller=replace(SELLER, logo=make_logo()), notes='日本語 عربي')\n"
        "print(hashlib.sha256(render_invoice(document)).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script, str(TESTS), str(TESTS.parent)],
            env={"PYTHONHASHSEED": seed, "TZ": zone, "LANG": language, "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone, language in (("1", "Asia/Tokyo", "de_DE.UTF-8"), ("2", "America/Lima", "C"))
    ]
    document = make_document(14, seller=replace(SELLER, logo=make_logo()), notes="日本語 عربي")

    assert set(runs) == {hashlib.sha256(render_invoice(document)).hexdigest() + "\n"}


def test_a_frozen_invoice_thaws_into_the_same_bytes() -> None:
    document = make_document(
        3, seller=replace(SELLER, logo=make_logo()), discount=Discount(percent=Decimal(5))
    )

    thawed = thaw(freeze(document), logo=document.seller.logo)

    assert thawed == document
    assert render_invoice(thawed) == render_invoice(document)


def test_invoices_rendered_at_once_do_not_mix() -> None:
    documents = [
        make_document(3, number=f"INV-{place}", language="de" if place % 2 else "en") for place in range(6)
    ]
    alone = [render_invoice(document) for document in documents]

    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(render_invoice, documents))

    assert together == alone


def test_the_file_says_what_it_is_and_is_made_to_be_kept() -> None:
    reader = PdfReader(BytesIO(render_invoice(make_document(1, language="de"))))
    described = reader.xmp_metadata

    assert reader.metadata is not None
    assert described is not None
    assert reader.metadata.title == "Rechnung INV-2026-00042"
    assert reader.metadata.author == SELLER.name
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.date() == date(2026, 11, 21)
    assert (described.pdfaid_part, described.pdfaid_conformance) == ("3", "B")
    assert reader.root_object["/Lang"] == "de"
    assert reader.root_object["/MarkInfo"]["/Marked"]
    assert all(
        "/FontFile2" in font or "/FontFile3" in font
        for font in (
            each["/DescendantFonts"][0]["/FontDescriptor"]
            for each in reader.pages[0]["/Resources"]["/Font"].values()
        )
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_printed_whatever_its_shape(kind: str) -> None:
    for size in ((300, 100), (50, 400)):
        seller = replace(SELLER, logo=make_logo(kind, size))
        page = PdfReader(BytesIO(render_invoice(make_document(1, seller=seller)))).pages[0]
        assert [image.image.size for image in page.images if image.image] == [size]


@pytest.mark.parametrize(
    "logo",
    [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n" + b"\0" * 99],
)
def test_what_is_no_picture_is_refused_by_name(logo: bytes) -> None:
    document = make_document(1, seller=replace(SELLER, logo=logo or b"\0"))

    with pytest.raises(UnreadableLogo):
        render_invoice(document)


def test_a_broken_picture_is_refused_by_name() -> None:
    whole = make_logo("JPEG", (400, 400))

    with pytest.raises(UnreadableLogo):
        render_invoice(make_document(1, seller=replace(SELLER, logo=whole[: len(whole) // 2])))


def test_a_picture_of_enormous_size_is_refused_by_name() -> None:
    with pytest.raises(UnreadableLogo):
        render_invoice(make_document(1, seller=replace(SELLER, logo=make_logo("PNG", (26_000, 1_000)))))


def test_the_buyers_address_stands_where_an_envelope_shows_it() -> None:
    def place_of(words_: str, document: InvoiceDocument) -> tuple[float, float]:
        found: list[tuple[float, float]] = []
        page = PdfReader(BytesIO(render_invoice(document))).pages[0]
        page.extract_text(
            visitor_text=lambda text, cm, tm, _font, _size: (
                found.append((tm[4] * cm[0] + cm[4], float(page.mediabox.height) - (tm[5] * cm[3] + cm[5])))
                if words_ in text
                else None
            )
        )
        return found[0]

    across, down = place_of("4 quai des Belges", make_document(1, buyer=BUYER))

    # DIN 5008 form B, in points: the window lies 20 to 105 mm from the left and 45 to 90 mm from the top.
    assert 57 < across < 80
    assert 128 < down < 255
