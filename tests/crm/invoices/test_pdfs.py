"""The PDF: stored once, the same bytes in any process, and made of nothing but what was frozen."""

import asyncio
import hashlib
import os
import subprocess
import sys
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from invoicing import LINE, Shop, make_draft, make_sent
from PIL import Image
from pypdf import PdfReader

from crm.customers.models import Customer
from crm.invoices import drafts, entities, issuing, payments, pdfs
from crm.invoices.contents import LineDraft
from crm.invoices.models import Invoice, LegalEntity
from crm.kernel import storage
from crm.kernel.actor import kith
from crm.kernel.errors import NotFound
from crm.kernel.ids import uuid7
from crm.kernel.models import OutboxJob

CHECKOUT = Path(__file__).resolve().parents[3]
D = Decimal


def text_of(pdf: bytes) -> str:
    pages = PdfReader(BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def logo(colour: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (60, 30), colour).save(out, "WEBP")
    return out.getvalue()


def files_in(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*"))


async def test_a_pdf_is_made_once_and_its_digest_kept(shop: Shop) -> None:
    sent = await make_sent(shop)

    first = await pdfs.ensure_pdf(sent.id)
    again = await pdfs.ensure_pdf(sent.id)

    content = await storage.get_bytes(first.pdf_key or "")
    assert (first.pdf_key, first.pdf_sha256) == (again.pdf_key, again.pdf_sha256)
    assert hashlib.sha256(content).hexdigest() == first.pdf_sha256
    assert len(content) == first.pdf_size
    assert (first.version, again.version) == (sent.version, sent.version)
    events = [job.payload["data"].get("action") for job in await OutboxJob.filter(kind="event")]
    assert events.count("render_invoice") == 1


async def test_two_who_make_it_at_once_keep_one(shop: Shop) -> None:
    sent = await make_sent(shop)

    made = await asyncio.gather(*(pdfs.ensure_pdf(sent.id) for _ in range(4)))

    assert len({invoice.pdf_key for invoice in made}) == 1
    assert await pdfs.pdf_of(made[0])


_AGAIN = """
import asyncio, hashlib, sys
from uuid import UUID
from crm.invoices import pdfs
from crm.invoices.models import Invoice
from crm.kernel import database

async def main():
    await database.connect()
    invoice = await Invoice.get(id=UUID(sys.argv[1]))
    print(hashlib.sha256(await pdfs._issued(invoice)).hexdigest())
    await database.close()

asyncio.run(main())
"""


async def test_another_process_makes_the_same_bytes_whatever_changed_since(shop: Shop) -> None:
    await entities.set_entity_logo(shop.entity.id, logo("blue"), actor=kith())
    sent = await make_sent(shop, LINE, LineDraft("青茶 · شاي", D(3), D("1.25"), tax_rate=D(7)), notes="Merci")
    made = await pdfs.ensure_pdf(sent.id)
    await payments.mark_invoice_paid(sent.id, {}, actor=shop.manager.actor)
    await entities.set_entity_logo(shop.entity.id, logo("red"), actor=kith())
    await LegalEntity.filter(id=shop.entity.id).update(name="Other", footer="Other", iban="X")
    await Customer.filter(id=shop.customer.id).update(name="Other", language="fr")

    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _AGAIN, str(sent.id)],
        cwd=CHECKOUT,
        env={**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )

    assert done.stdout.decode().strip() == made.pdf_sha256


async def test_the_pdf_says_what_the_invoice_says(shop: Shop) -> None:
    sent = await make_sent(shop, customer_reference="PO 77", notes="Deliver at the back door")

    text = text_of(await pdfs.pdf_of(await pdfs.ensure_pdf(sent.id)))

    for said in (
        sent.number,
        shop.entity.name,
        shop.customer.name,
        "Coffee, 1 kg",
        "119.00",
        "PO 77",
        "back door",
    ):
        assert str(said) in text


async def test_a_preview_is_the_draft_as_it_is_now_and_stores_nothing(
    shop: Shop, storage_directory: Path
) -> None:
    draft = await make_draft(shop)
    before = files_in(storage_directory)

    first = text_of(await pdfs.preview_pdf(draft.id))
    await drafts.update_invoice(
        draft.id, {"notes": "Brand new"}, None, expected_version=1, actor=shop.manager.actor
    )
    second = text_of(await pdfs.preview_pdf(draft.id))

    assert "DRAFT" in first.upper()
    assert "119.00" in first
    assert "Brand new" not in first
    assert "Brand new" in second
    assert files_in(storage_directory) == before
    assert (await Invoice.get(id=draft.id)).issue_date is None


async def test_an_issued_invoice_has_no_preview(shop: Shop) -> None:
    sent = await make_sent(shop)

    for invoice_id in (sent.id, uuid7()):
        with pytest.raises(NotFound):
            await pdfs.preview_pdf(invoice_id)


async def test_a_draft_has_no_pdf(shop: Shop) -> None:
    draft = await make_draft(shop)

    assert pdfs.pdf_link(draft) is None
    with pytest.raises(ValueError, match="no PDF"):
        await pdfs.ensure_pdf(draft.id)


async def test_five_hundred_lines_are_printed_too(shop: Shop) -> None:
    lines = [LineDraft(f"Article {n}", D(1), D("1.00"), tax_rate=D(19)) for n in range(1, 501)]
    sent = await make_sent(shop, *lines)

    text = text_of(await pdfs.pdf_of(await pdfs.ensure_pdf(sent.id)))

    assert "Article 500" in text
    assert "595.00" in text


async def test_a_number_with_slashes_names_a_file_without_them(shop: Shop) -> None:
    await entities.set_number_series(shop.entity.id, "A/{year}/{seq}", actor=kith())
    draft = await make_draft(shop)

    sent = await issuing.send_invoice(draft.id, actor=shop.manager.actor)

    assert "/" in (sent.number or "")
    assert pdfs.file_name(sent) == f"{(sent.number or '').replace('/', '-')}.pdf"
