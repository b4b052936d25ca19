"""An invoice's PDF: made from what was frozen, stored once, and the same bytes whenever it is made again."""

import asyncio
import hashlib
import re
from datetime import timedelta
from uuid import UUID

from crm.contacts.models import Contact
from crm.documents.invoice import DocumentLine, DocumentTax, InvoiceDocument, Paper
from crm.invoices import rules
from crm.invoices.errors import DocumentLost
from crm.invoices.events import InvoiceChanged
from crm.invoices.models import Invoice, InvoiceLine, InvoiceTax
from crm.invoices.parties import Parties, buyer_of, parties_of, seller_of
from crm.invoices.queries import by_id, lines_of
from crm.invoices.rules import InvoiceAction
from crm.kernel import storage
from crm.kernel.actor import Actor
from crm.kernel.clock import today
from crm.kernel.errors import NotFound
from crm.kernel.events import emit
from crm.kernel.ids import Kind, encode
from crm.kernel.signing import Download, Rendering, link
from crm.kernel.transaction import transaction

AREA = "invoices"
MEDIA_TYPE = "application/pdf"
PREVIEW = "invoice-preview"

_LETTER_COUNTRIES = frozenset({"CA", "MX", "US"})
_NOT_IN_FILE_NAMES = re.compile(r"[^\w.\- ]+")


async def preview_invoice(invoice_id: UUID, *, actor: Actor) -> Invoice:
    """Checks that a draft may be looked at; `preview_link` leads to it. Raises NotFound or InvalidTransition."""
    invoice = await by_id(actor, invoice_id)
    if invoice is None:
        raise NotFound(Kind.INVOICE, "id")
    rules.require(InvoiceAction.PREVIEW, invoice.state)
    return invoice


def preview_link(invoice_id: UUID) -> str:
    """Ten minutes of looking at a draft as it is when the link is opened; nothing is stored."""
    return link(Rendering(PREVIEW, encode(Kind.INVOICE, invoice_id), "Draft.pdf", MEDIA_TYPE))


async def preview_pdf(invoice_id: UUID) -> bytes:
    """The draft's PDF with its mark. The link was the access check. Raises NotFound when it is a draft no more."""
    draft = await Invoice.get_or_none(id=invoice_id).select_related("legal_entity", "customer")
    if draft is None or not rules.allowed(InvoiceAction.PREVIEW, draft.state):
        raise NotFound(Kind.INVOICE, "id")
    contact = await Contact.get_or_none(customer_id=draft.customer_id, is_primary=True)
    parties = parties_of(draft.legal_entity, draft.customer, contact.name if contact else None)
    draft.issue_date = today(draft.time_zone)
    draft.due_date = draft.issue_date + timedelta(days=draft.payment_terms_days)
    document = await _document(draft, parties)
    return await asyncio.to_thread(_rendered, document, draft=True)


def pdf_link(invoice: Invoice) -> str | None:
    """A short-lived address of the stored PDF; None while there is none."""
    if invoice.pdf_key is None:
        return None
    return link(Download(invoice.pdf_key, file_name(invoice), MEDIA_TYPE))


def file_name(invoice: Invoice) -> str:
    """What the PDF is called when it is handed out: its number, as far as file systems take it."""
    return f"{_NOT_IN_FILE_NAMES.sub('-', invoice.number or 'Invoice')}.pdf"


async def ensure_pdf(invoice_id: UUID) -> Invoice:
    """The issued invoice with its PDF in storage; made now unless it was before."""
    invoice = await Invoice.get(id=invoice_id)
    if invoice.pdf_key is not None:
        return invoice
    stored = await storage.put_bytes(AREA, await _issued(invoice))
    async with transaction():
        kept = await Invoice.filter(id=invoice_id).select_for_update(no_key=True).get()
        if kept.pdf_key is None:
            kept.pdf_key, kept.pdf_sha256, kept.pdf_size = stored.key, stored.sha256, stored.size
            await kept.save(update_fields=["pdf_key", "pdf_sha256", "pdf_size"])
            await emit(
                InvoiceChanged(
                    invoice_id=kept.id,
                    customer_id=kept.customer_id,
                    unit_id=kept.unit_id,
                    action="render_invoice",
                )
            )
            return kept
    await storage.delete(stored.key)  # somebody else was quicker, with the same bytes
    return kept


async def pdf_of(invoice: Invoice) -> bytes:
    """The bytes that were issued, from storage, or made again if they are not there as they should be.

    Raises DocumentLost when neither gives the SHA-256 that was recorded.
    """
    content = await _stored(invoice)
    if content is None or hashlib.sha256(content).hexdigest() != invoice.pdf_sha256:
        content = await _issued(invoice)
        if hashlib.sha256(content).hexdigest() != invoice.pdf_sha256:
            raise DocumentLost(f"The PDF of invoice {invoice.number} is lost.")
    return content


async def _stored(invoice: Invoice) -> bytes | None:
    try:
        return await storage.get_bytes(invoice.pdf_key or "")
    except FileNotFoundError:
        return None


async def issued_document(invoice: Invoice) -> InvoiceDocument:
    """What an issued invoice says, from what was frozen and nothing else."""
    if invoice.frozen is None:
        raise ValueError("A draft has no PDF.")
    return await _document(invoice, invoice.frozen)


async def _issued(invoice: Invoice) -> bytes:
    return await asyncio.to_thread(_rendered, await issued_document(invoice))


async def _document(invoice: Invoice, parties: Parties) -> InvoiceDocument:
    lines = await lines_of(invoice)
    taxes = await invoice.taxes.order_by("id")
    key = parties["seller"]["logo_key"]
    logo = await storage.get_bytes(key) if key else None
    return document_of(invoice, lines, taxes, parties, logo)


def document_of(
    invoice: Invoice,
    lines: list[InvoiceLine],
    taxes: list[InvoiceTax],
    parties: Parties,
    logo: bytes | None,
) -> InvoiceDocument:
    """The invoice as printed on the day of its issue: what was paid since is no part of it."""
    buyer = buyer_of(parties)
    return InvoiceDocument(
        currency=invoice.currency,
        language=invoice.language,
        seller=seller_of(parties, logo),
        buyer=buyer,
        lines=tuple(_line(row) for row in lines),
        taxes=tuple(DocumentTax(category=t.category, rate=t.rate, base=t.base, tax=t.tax) for t in taxes),
        lines_net=invoice.lines_total,
        discount_percent=invoice.discount_percent,
        discount=invoice.discount_total,
        net=invoice.net_total,
        tax=invoice.tax_total,
        gross=invoice.gross_total,
        due=invoice.gross_total,
        number=invoice.number,
        issue_date=invoice.issue_date,
        due_date=invoice.due_date,
        delivery_date=invoice.delivery_date,
        customer_reference=invoice.customer_reference,
        notes=invoice.notes,
        paper=Paper.LETTER if buyer.address.country in _LETTER_COUNTRIES else Paper.A4,
    )


def _line(row: InvoiceLine) -> DocumentLine:
    return DocumentLine(
        description=row.description,
        quantity=row.quantity,
        unit=row.unit_code,
        unit_price=row.unit_price,
        tax_category=row.tax_category,
        tax_rate=row.tax_rate,
        net=row.net,
        discount_percent=row.discount_percent,
        discount=row.discount_total,
    )


def _rendered(document: InvoiceDocument, *, draft: bool = False) -> bytes:
    """The typesetter comes in with the first document: with its fonts it is a tenth of an API process's memory."""
    from crm.documents.render import render_invoice  # noqa: PLC0415

    return render_invoice(document, draft=draft)
