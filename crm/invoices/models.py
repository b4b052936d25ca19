"""Invoices, who issues them, and what became of each."""

from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from tortoise import Model, fields
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.indexes import Index

from crm.accounts.models import BusinessUnit, User
from crm.customers.models import Customer, PickListItem
from crm.invoices.lines import TaxCategory
from crm.invoices.rules import InvoiceState
from crm.kernel.models import key


def _user() -> "fields.ForeignKeyNullableRelation[User]":
    return fields.ForeignKeyField("crm.User", related_name=False, on_delete=fields.RESTRICT, null=True)


def _money() -> Any:
    """An amount in the invoice's currency; four decimals hold every ISO 4217 minor unit."""
    return fields.DecimalField(max_digits=18, decimal_places=4, default=Decimal(0))


class LegalEntity(Model):
    """The company that issues an invoice. `code` is what `{entity}` stands for in number patterns."""

    id = key()
    name = fields.CharField(max_length=200)
    code = fields.CharField(max_length=12, null=True)
    address_building = fields.CharField(max_length=120, null=True)
    address_street = fields.CharField(max_length=200, null=True)
    address_city = fields.CharField(max_length=120, null=True)
    address_state = fields.CharField(max_length=120, null=True)
    address_postcode = fields.CharField(max_length=20, null=True)
    address_country = fields.CharField(max_length=2)
    registration_number = fields.CharField(max_length=60, null=True)
    vat_id = fields.CharField(max_length=30, null=True)
    email = fields.CharField(max_length=254, null=True)
    phone = fields.CharField(max_length=40, null=True)
    website = fields.CharField(max_length=300, null=True)
    bank_name = fields.CharField(max_length=120, null=True)
    iban = fields.CharField(max_length=34, null=True)
    bic = fields.CharField(max_length=11, null=True)
    payment_instructions = fields.TextField(null=True)
    footer = fields.TextField(null=True)
    currency = fields.CharField(max_length=3)
    language = fields.CharField(max_length=10, default="en")
    time_zone = fields.CharField(max_length=60, default="UTC")
    payment_terms_days = fields.SmallIntField(default=30)
    logo_key = fields.CharField(max_length=200, null=True)
    archived_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())

    number_series: "fields.ReverseRelation[NumberSeries]"
    email_templates: "fields.ReverseRelation[EmailTemplate]"

    class Meta:
        table = "legal_entity"


class DocumentKind(StrEnum):
    INVOICE = "INVOICE"


class NumberSeries(Model):
    """How an entity numbers one kind of document, e.g. `INV-{year}-{seq:5}`."""

    id = key()
    legal_entity: fields.ForeignKeyRelation[LegalEntity] = fields.ForeignKeyField(
        "crm.LegalEntity", related_name="number_series", on_delete=fields.CASCADE
    )
    kind = fields.CharEnumField(DocumentKind, max_length=20)
    pattern = fields.CharField(max_length=60)

    legal_entity_id: UUID

    class Meta:
        table = "number_series"


class NumberCounter(Model):
    """The next number of a series in a year. Its row lock is what makes numbers gapless."""

    id = key()
    series: fields.ForeignKeyRelation[NumberSeries] = fields.ForeignKeyField(
        "crm.NumberSeries", related_name="counters", on_delete=fields.CASCADE
    )
    year = fields.IntField()
    next_seq = fields.IntField(default=1)

    series_id: UUID

    class Meta:
        table = "number_counter"


class EmailTemplate(Model):
    """Subject and body an entity uses for its invoice e-mails in one language."""

    id = key()
    legal_entity: fields.ForeignKeyRelation[LegalEntity] = fields.ForeignKeyField(
        "crm.LegalEntity", related_name="email_templates", on_delete=fields.CASCADE
    )
    language = fields.CharField(max_length=10)
    subject = fields.CharField(max_length=200)
    body = fields.TextField()
    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    updated_at = fields.DatetimeField(db_default=Now())

    legal_entity_id: UUID

    class Meta:
        table = "email_template"


class Invoice(Model):
    """Freely editable while DRAFT; from then on a database trigger keeps what was issued as it was.

    `frozen` holds the seller and the buyer, copied in when the invoice was issued; `time_zone` is the legal
    entity's, in which the due day ends.
    """

    id = key()
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "crm.Customer", related_name="invoices", on_delete=fields.RESTRICT
    )
    unit: fields.ForeignKeyRelation[BusinessUnit] = fields.ForeignKeyField(
        "crm.BusinessUnit", related_name=False, on_delete=fields.RESTRICT
    )
    legal_entity: fields.ForeignKeyRelation[LegalEntity] = fields.ForeignKeyField(
        "crm.LegalEntity", related_name=False, on_delete=fields.RESTRICT
    )
    invoice_type: fields.ForeignKeyNullableRelation[PickListItem] = fields.ForeignKeyField(
        "crm.PickListItem", related_name=False, on_delete=fields.RESTRICT, null=True
    )
    state = fields.CharEnumField(InvoiceState, max_length=10, default=InvoiceState.DRAFT)
    number = fields.CharField(max_length=80, null=True)
    number_year = fields.IntField(null=True)
    number_seq = fields.IntField(null=True)
    currency = fields.CharField(max_length=3)
    language = fields.CharField(max_length=10, default="en")
    issue_date = fields.DateField(null=True)
    due_date = fields.DateField(null=True)
    delivery_date = fields.DateField(null=True)
    payment_terms_days = fields.SmallIntField()
    time_zone = fields.CharField(max_length=60, default="UTC", db_default=SqlDefault("'UTC'"))
    customer_reference = fields.CharField(max_length=120, null=True)
    notes = fields.TextField(null=True)
    discount_percent = fields.DecimalField(max_digits=7, decimal_places=4, null=True)
    discount_amount = fields.DecimalField(max_digits=18, decimal_places=4, null=True)
    lines_total = _money()
    discount_total = _money()
    net_total = _money()
    tax_total = _money()
    gross_total = _money()
    paid_total = _money()
    credited_total = _money()
    due_total = _money()
    frozen: dict[str, Any] | None = fields.JSONField(null=True)
    pdf_key = fields.CharField(max_length=200, null=True)
    pdf_sha256 = fields.CharField(max_length=64, null=True)
    pdf_size = fields.IntField(null=True)
    duplicate_of: "fields.ForeignKeyNullableRelation[Invoice]" = fields.ForeignKeyField(
        "crm.Invoice", related_name=False, on_delete=fields.SET_NULL, null=True
    )
    sent_at = fields.DatetimeField(null=True)
    sent_by = _user()
    paid_at = fields.DatetimeField(null=True)
    voided_at = fields.DatetimeField(null=True)
    void_reason = fields.CharField(max_length=500, null=True)
    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())
    created_by = _user()

    lines: "fields.ReverseRelation[InvoiceLine]"
    taxes: "fields.ReverseRelation[InvoiceTax]"
    payments: "fields.ReverseRelation[Payment]"
    deliveries: "fields.ReverseRelation[Delivery]"

    customer_id: UUID
    unit_id: UUID
    legal_entity_id: UUID
    invoice_type_id: UUID | None
    duplicate_of_id: UUID | None
    sent_by_id: UUID | None
    created_by_id: UUID | None

    class Meta:
        table = "invoice"
        indexes = (
            Index(fields=("customer_id", "issue_date", "id"), name="invoice_customer"),
            Index(fields=("unit_id", "created_at", "id"), name="invoice_unit"),
            Index(fields=("state", "due_date", "id"), name="invoice_due"),
            Index(fields=("created_at", "id"), name="invoice_created"),
            Index(fields=("issue_date", "id"), name="invoice_issued"),
        )


class InvoiceLine(Model):
    """`unit_code` is of UN/ECE Recommendation 20, `tax_category` of UNCL5305; `discount_total` is taken off in `net`.

    `currency` is the invoice's: an amount is never read without one.
    """

    id = key()
    invoice: fields.ForeignKeyRelation[Invoice] = fields.ForeignKeyField(
        "crm.Invoice", related_name="lines", on_delete=fields.CASCADE
    )
    position = fields.IntField()
    description = fields.TextField()
    quantity = fields.DecimalField(max_digits=20, decimal_places=6)
    unit_code = fields.CharField(max_length=3, default="C62")
    unit_price = fields.DecimalField(max_digits=20, decimal_places=6)
    discount_percent = fields.DecimalField(max_digits=7, decimal_places=4, null=True)
    discount_amount = fields.DecimalField(max_digits=18, decimal_places=4, null=True)
    tax_category = fields.CharEnumField(TaxCategory, max_length=2, default=TaxCategory.STANDARD)
    tax_rate = fields.DecimalField(max_digits=7, decimal_places=4)
    currency = fields.CharField(max_length=3)
    discount_total = _money()
    net = _money()

    invoice_id: UUID

    class Meta:
        table = "invoice_line"


class InvoiceTax(Model):
    """Tax of one (category, rate) group: BG-23 of EN 16931."""

    id = key()
    invoice: fields.ForeignKeyRelation[Invoice] = fields.ForeignKeyField(
        "crm.Invoice", related_name="taxes", on_delete=fields.CASCADE
    )
    category = fields.CharEnumField(TaxCategory, max_length=2)
    rate = fields.DecimalField(max_digits=7, decimal_places=4)
    currency = fields.CharField(max_length=3)
    base = _money()
    tax = _money()

    invoice_id: UUID

    class Meta:
        table = "invoice_tax"
        indexes = (Index(fields=("invoice_id",), name="invoice_tax_invoice"),)


class PaymentMethod(StrEnum):
    BANK_TRANSFER = "BANK_TRANSFER"
    DIRECT_DEBIT = "DIRECT_DEBIT"
    CARD = "CARD"
    CASH = "CASH"
    OTHER = "OTHER"


class Payment(Model):
    id = key()
    invoice: fields.ForeignKeyRelation[Invoice] = fields.ForeignKeyField(
        "crm.Invoice", related_name="payments", on_delete=fields.RESTRICT
    )
    amount = _money()
    currency = fields.CharField(max_length=3)
    paid_on = fields.DateField()
    method = fields.CharEnumField(PaymentMethod, max_length=20)
    reference = fields.CharField(max_length=120, null=True)
    created_at = fields.DatetimeField(db_default=Now())
    created_by = _user()

    invoice_id: UUID
    created_by_id: UUID | None

    class Meta:
        table = "payment"
        indexes = (Index(fields=("invoice_id", "paid_on", "id"), name="payment_invoice"),)


class DeliveryState(StrEnum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    FAILED = "FAILED"


class Delivery(Model):
    """One e-mail of an invoice to one recipient, in the words it was sent with."""

    id = key()
    invoice: fields.ForeignKeyRelation[Invoice] = fields.ForeignKeyField(
        "crm.Invoice", related_name="deliveries", on_delete=fields.RESTRICT
    )
    recipient = fields.CharField(max_length=254)
    recipient_name = fields.CharField(max_length=200, default="")
    state = fields.CharEnumField(DeliveryState, max_length=10, default=DeliveryState.QUEUED)
    reason = fields.TextField(null=True)
    attempts = fields.IntField(default=0)
    message_id = fields.CharField(max_length=200)
    subject = fields.CharField(max_length=300, default="")
    body = fields.TextField(default="")
    sent_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(db_default=Now())
    created_by = _user()

    invoice_id: UUID
    created_by_id: UUID | None

    class Meta:
        table = "delivery"
        indexes = (Index(fields=("invoice_id", "created_at", "id"), name="delivery_invoice"),)
