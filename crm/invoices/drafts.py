"""Drafts: created, changed, copied and deleted as one likes; nothing in them counts yet."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm.customers.models import Customer, PickList, PickListItem
from crm.invoices.access import check_billable, customer_to_bill, invoice_to_change
from crm.invoices.changes import check_version, save, snapshot, told
from crm.invoices.contents import (
    Contents,
    LineDraft,
    add_up,
    described,
    discount_of,
    draft_of,
    put_totals,
    write_rows,
)
from crm.invoices.errors import LegalEntityArchived
from crm.invoices.fields import INVOICE_FIELDS
from crm.invoices.lines import Discount
from crm.invoices.models import Invoice, LegalEntity
from crm.invoices.queries import lines_of
from crm.invoices.rules import InvoiceAction
from crm.kernel.actor import Actor
from crm.kernel.errors import InvalidInput, NotFound
from crm.kernel.fields import clean
from crm.kernel.ids import Kind, uuid7
from crm.kernel.transaction import transaction

_OWN = (*INVOICE_FIELDS, "legal_entity_id", "time_zone", "invoice_type_id")
_AMOUNTS = (
    *("discount_percent", "discount_amount", "lines_total", "discount_total"),
    *("net_total", "tax_total", "gross_total", "due_total"),
)


async def create_invoice(
    customer_id: UUID, values: dict[str, Any], lines: Sequence[LineDraft], *, actor: Actor
) -> Invoice:
    """A draft. `values`: fields of INVOICE_FIELDS, `legal_entity_id`, `invoice_type_id`, `discount`.

    What is left out comes from the customer, then from the legal entity. Raises NotFound, Forbidden,
    CustomerArchived, CustomerBlocked, CustomerNotLive, LegalEntityArchived or InvalidInput.
    """
    async with transaction():
        customer = await customer_to_bill(customer_id, actor=actor)
        return await new_draft(customer, values, lines, action="create_invoice", actor=actor)


async def update_invoice(
    invoice_id: UUID,
    values: dict[str, Any],
    lines: Sequence[LineDraft] | None,
    *,
    expected_version: int | None,
    actor: Actor,
) -> Invoice:
    """Changes a draft; `lines`, when given, replace all it had. Amounts are added up anew.

    Raises NotFound, Forbidden, CustomerArchived, InvalidTransition, VersionConflict, LegalEntityArchived or
    InvalidInput.
    """
    async with transaction():
        invoice, customer = await invoice_to_change(invoice_id, InvoiceAction.UPDATE, actor=actor)
        check_version(Kind.INVOICE, invoice, expected_version)
        rows = await lines_of(invoice)
        before = snapshot(invoice, (*_OWN, *_AMOUNTS)) | described(rows)
        changed, contents = await _changes(
            invoice, customer, values, [draft_of(row) for row in rows] if lines is None else lines
        )
        invoice.update_from_dict(changed)
        put_totals(invoice, contents)
        await write_rows(invoice, contents)
        await save(invoice, *changed, *_AMOUNTS)
        after = snapshot(invoice, (*_OWN, *_AMOUNTS)) | described(await lines_of(invoice))
        await told(invoice, customer, before, after, "update_invoice", actor)
        return invoice


async def delete_invoice(invoice_id: UUID, *, actor: Actor) -> Invoice:
    """Deletes a draft for good. Raises NotFound, Forbidden, CustomerArchived or InvalidTransition."""
    async with transaction():
        invoice, customer = await invoice_to_change(invoice_id, InvoiceAction.DELETE, actor=actor)
        gone = snapshot(invoice, (*_OWN, *_AMOUNTS)) | described(await lines_of(invoice))
        await invoice.delete()
        await told(invoice, customer, gone, {}, "delete_invoice", actor)
        return invoice


async def duplicate_invoice(invoice_id: UUID, *, actor: Actor) -> Invoice:
    """A new draft with the same lines and terms, whatever became of the invoice; its dates are not copied.

    Raises NotFound, Forbidden, CustomerArchived, CustomerBlocked, CustomerNotLive, LegalEntityArchived or
    InvalidInput.
    """
    async with transaction():
        invoice, customer = await invoice_to_change(invoice_id, InvoiceAction.DUPLICATE, actor=actor)
        check_billable(customer, "id")
        names = set(_OWN) - {"delivery_date", "time_zone"}
        values = snapshot(invoice, names) | {"discount": discount_of(invoice)}
        lines = [draft_of(row) for row in await lines_of(invoice)]
        return await new_draft(
            customer, values, lines, action="duplicate_invoice", duplicate_of=invoice.id, actor=actor
        )


async def new_draft(
    customer: Customer,
    values: dict[str, Any],
    lines: Sequence[LineDraft],
    *,
    action: str,
    duplicate_of: UUID | None = None,
    actor: Actor,
) -> Invoice:
    """A draft for a locked customer who can be billed; within the caller's transaction."""
    entity = await _issuer(values.get("legal_entity_id") or customer.legal_entity_id)
    defaults = _defaults(customer, entity)
    given = {**defaults, **{k: v for k, v in values.items() if v is not None or k not in defaults}}
    cleaned, problems = clean({k: given[k] for k in INVOICE_FIELDS if k in given}, INVOICE_FIELDS)
    contents = add_up(
        lines,
        currency=cleaned.get("currency"),
        discount=given["discount"] if "discount" in given else _default_discount(customer, cleaned),
        default_rate=customer.tax_rate,
        problems=problems,
    )
    invoice = Invoice(
        id=uuid7(),
        customer_id=customer.id,
        unit_id=customer.unit_id,
        legal_entity_id=entity.id,
        time_zone=entity.time_zone,
        invoice_type_id=await _invoice_type(customer, values.get("invoice_type_id")),
        duplicate_of_id=duplicate_of,
        created_by_id=actor.user_id,
        **cleaned,
    )
    put_totals(invoice, contents)
    await invoice.save(force_create=True)
    await write_rows(invoice, contents)
    after = snapshot(invoice, ("state", *_OWN, *_AMOUNTS, "duplicate_of_id"))
    await told(invoice, customer, {}, after, action, actor)
    return invoice


async def _changes(
    invoice: Invoice, customer: Customer, values: dict[str, Any], lines: Sequence[LineDraft]
) -> tuple[dict[str, Any], Contents]:
    """The invoice's new columns and contents."""
    cleaned, problems = clean({k: v for k, v in values.items() if k in INVOICE_FIELDS}, INVOICE_FIELDS)
    contents = add_up(
        lines,
        currency=cleaned.get("currency", invoice.currency),
        discount=values["discount"] if "discount" in values else discount_of(invoice),
        default_rate=customer.tax_rate,
        problems=problems,
    )
    if "legal_entity_id" in values:
        entity = await _issuer(values["legal_entity_id"])
        cleaned |= {"legal_entity_id": entity.id, "time_zone": entity.time_zone}
    if "invoice_type_id" in values:
        cleaned["invoice_type_id"] = await _invoice_type(customer, values["invoice_type_id"])
    return cleaned, contents


def _defaults(customer: Customer, entity: LegalEntity) -> dict[str, Any]:
    terms = customer.payment_terms_days
    return {
        "currency": customer.currency or entity.currency,
        "language": customer.language or entity.language,
        "payment_terms_days": entity.payment_terms_days if terms is None else terms,
    }


def _default_discount(customer: Customer, cleaned: dict[str, Any]) -> Discount | None:
    """The customer's own; an amount only in the currency it was agreed in."""
    if customer.discount_percent is not None:
        return Discount(percent=customer.discount_percent)
    if customer.discount_amount is not None and cleaned.get("currency") == customer.currency:
        return Discount(amount=customer.discount_amount)
    return None


async def _issuer(entity_id: UUID | None) -> LegalEntity:
    """The legal entity named, or the only one there is."""
    if entity_id is not None:
        entity = await LegalEntity.get_or_none(id=entity_id)
        if entity is None:
            raise NotFound(Kind.LEGAL_ENTITY, "legalEntityId")
        if entity.archived_at is not None:
            raise LegalEntityArchived("legalEntityId")
        return entity
    found = await LegalEntity.filter(archived_at=None).limit(2)
    if len(found) != 1:
        sentence = "legalEntityId is empty, and the customer has no legal entity that bills it: fill it in."
        raise InvalidInput.one(sentence, "legalEntityId", code="REQUIRED")
    return found[0]


async def _invoice_type(customer: Customer, type_id: UUID | None) -> UUID | None:
    """The type named, if the customer may get it; the only one it may get when none is named."""
    allowed = [item.id for item in await customer.invoice_types.filter(archived_at=None).order_by("position")]
    if type_id is None:
        if len(allowed) > 1:
            sentence = "This customer gets invoices of certain types only: choose one of them."
            raise InvalidInput.one(sentence, "invoiceTypeId", code="REQUIRED")
        return allowed[0] if allowed else None
    known = PickListItem.filter(id=type_id, list=PickList.INVOICE_TYPE, archived_at=None)
    if not await known.exists():
        raise NotFound(Kind.PICK_LIST_ITEM, "invoiceTypeId")
    if allowed and type_id not in allowed:
        sentence = "This customer does not get invoices of this type: choose another, or allow it first."
        raise InvalidInput.one(sentence, "invoiceTypeId", code="INVOICE_TYPE_NOT_ALLOWED")
    return type_id
