"""How invoices look to callers."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry

from api.accounts.types import User
from api.audit.types import HistoryEntry
from api.customers.types import Address, Discount, PickListItem, discount_of
from api.fusion import Reference, present
from api.invoices import enums as _enums  # noqa: F401  declares the enums
from api.invoices.entity_types import BankAccount, LegalEntity
from api.nodes import Node, id_field, node_type
from api.paging import Connection, connection
from api.scalars import CurrencyCode, EmailAddress, LanguageCode, Money, Url, money_of
from crm.audit.queries import history_of_subject
from crm.customers.rules import ADDRESS_PARTS
from crm.invoices import models, pdfs, rules, views
from crm.invoices.lines import TaxCategory
from crm.invoices.models import DeliveryState, PaymentMethod
from crm.invoices.rules import InvoiceState
from crm.kernel.clock import now
from crm.kernel.ids import Kind
from crm.kernel.money import minor_digits

if TYPE_CHECKING:
    from api.customers.types import Customer

_OVERDUE = (
    "{t}.state = 'SENT' and {t}.due_total > 0 and {t}.due_date < (now() at time zone {t}.time_zone)::date"
)


_PRICE = "case when scale(trim_scale({0})) > scale({1}::numeric) then trim_scale({0})::text else {1} end"


def unit_price(amount: Decimal, currency: str) -> Money:
    """A price for one: it may be finer than money that can be paid, and is never rounded."""
    if isinstance(amount, Reference):
        rounded = cast("Reference", money_of(amount, currency).amount)
        digits: Any = amount.through(_PRICE, rounded)
    else:
        places = max(minor_digits(currency), -_exponent(amount.normalize()))
        digits = f"{amount:.{places}f}"
    return Money(amount=digits, currency=CurrencyCode(currency))


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def address_of(parts: dict[str, Any]) -> Address:
    """An address as it was frozen."""
    return Address(**{name: parts[name] for name in ADDRESS_PARTS})


@node_type(model=models.InvoiceLine, description="A line of an invoice.")
class InvoiceLine(Node):
    id: strawberry.ID = id_field(Kind.INVOICE_LINE)
    position: int = strawberry.field(description="Its place, 1 the first.")
    description: str = strawberry.field(description="What was delivered, possibly over several lines.")
    quantity: Decimal = strawberry.field(description="How many; below 0 for a return.")
    unit: str = strawberry.field(
        description="Unit of the quantity, a code of UN/ECE Recommendation 20 such as `C62` (piece) or `HUR` (hour).",
        resolver=lambda root: root.unit_code,
        metadata={"sql": "{t}.unit_code"},
    )
    tax_category: TaxCategory = strawberry.field(description="How it is taxed.")
    tax_rate: Decimal = strawberry.field(description="Tax rate in percent.")

    @strawberry.field(description="Price of one unit before tax, with up to six decimals.")
    def unit_price(self) -> Money:
        row = cast("models.InvoiceLine", self)
        return unit_price(row.unit_price, row.currency)

    @strawberry.field(description="What is taken off the line, as it was given; null for nothing.")
    def discount(self) -> Discount | None:
        return discount_of(cast("models.InvoiceLine", self))

    @strawberry.field(description="What is taken off the line, as an amount.")
    def discount_total(self) -> Money:
        row = cast("models.InvoiceLine", self)
        return money_of(row.discount_total, row.currency)

    @strawberry.field(
        description="Quantity × unit price − discount, rounded to the minor unit (EN 16931 BT-131)."
    )
    def net(self) -> Money:
        row = cast("models.InvoiceLine", self)
        return money_of(row.net, row.currency)


@node_type(
    model=models.InvoiceTax,
    description="The tax of all lines of one category and rate (EN 16931 BG-23).",
)
class TaxGroup:
    category: TaxCategory = strawberry.field(description="How these lines are taxed.")
    rate: Decimal = strawberry.field(description="Tax rate in percent.")

    @strawberry.field(
        description="What the tax is reckoned on: the lines' net less their share of the discount."
    )
    def base(self) -> Money:
        row = cast("models.InvoiceTax", self)
        return money_of(row.base, row.currency)

    @strawberry.field(description="The tax, rounded to the minor unit.")
    def tax(self) -> Money:
        row = cast("models.InvoiceTax", self)
        return money_of(row.tax, row.currency)


@node_type(model=models.Payment, description="Money received for an invoice. It is never changed or deleted.")
class Payment(Node):
    id: strawberry.ID = id_field(Kind.PAYMENT)
    invoice: Annotated["Invoice", strawberry.lazy("api.invoices.types")] = strawberry.field(
        description="The invoice it pays."
    )
    paid_on: date = strawberry.field(description="The day it was made.")
    method: PaymentMethod = strawberry.field(description="How it came in.")
    reference: str | None = strawberry.field(description="What the bank statement says, or the like.")
    created_at: datetime = strawberry.field(description="When it was recorded.")
    created_by: User | None = strawberry.field(description="Who recorded it; null when Kith did.")

    @strawberry.field(description="How much.")
    def amount(self) -> Money:
        row = cast("models.Payment", self)
        return money_of(row.amount, row.currency)


@node_type(model=models.Delivery, description="One e-mail of an invoice to one recipient.")
class Delivery(Node):
    id: strawberry.ID = id_field(Kind.DELIVERY)
    invoice: Annotated["Invoice", strawberry.lazy("api.invoices.types")] = strawberry.field(
        description="The invoice it carries."
    )
    recipient: EmailAddress = strawberry.field(description="The address it goes to.")
    recipient_name: str = strawberry.field(description="The recipient's name; empty when it is not known.")
    state: DeliveryState = strawberry.field(description="How it stands.")
    reason: str | None = strawberry.field(
        description="Why it failed, or why it is still on its way: a sentence with the mail server's own words."
    )
    attempts: int = strawberry.field(description="How often it was tried.")
    subject: str = strawberry.field(description="Subject line of the e-mail.")
    body: str = strawberry.field(description="Its text.")
    message_id: str = strawberry.field(
        description="Its Message-ID, without angle brackets; the same at every try."
    )
    sent_at: datetime | None = strawberry.field(description="When the mail server took it.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    created_by: User | None = strawberry.field(description="Who asked for it; null when Kith did.")


@strawberry.type(
    description="The seller as an issued invoice names it, whatever became of the legal entity since."
)
class InvoiceSeller:
    name: str = strawberry.field(description="Registered name.")
    address: Address = strawberry.field(description="Address.")
    registration_number: str | None = strawberry.field(description="Number in the company register.")
    vat_id: str | None = strawberry.field(description="VAT or tax id.")
    bank: BankAccount = strawberry.field(description="Where to pay.")


@strawberry.type(
    description="The buyer as an issued invoice names it, whatever became of the customer since."
)
class InvoiceBuyer:
    name: str = strawberry.field(description="Name.")
    address: Address = strawberry.field(description="Billing address.")
    registration_number: str | None = strawberry.field(description="Number in the company register.")
    vat_id: str | None = strawberry.field(description="VAT or tax id.")
    account_number: str | None = strawberry.field(description="The seller's number for the customer.")
    contact: str | None = strawberry.field(description="The person it is addressed to.")


def _seller(frozen: dict[str, Any]) -> InvoiceSeller:
    return InvoiceSeller(
        name=frozen["name"],
        address=address_of(frozen["address"]),
        registration_number=frozen["registration_number"],
        vat_id=frozen["vat_id"],
        bank=BankAccount(name=frozen["bank_name"], iban=frozen["iban"], bic=frozen["bic"]),
    )


def _buyer(frozen: dict[str, Any]) -> InvoiceBuyer:
    return InvoiceBuyer(
        name=frozen["name"],
        address=address_of(frozen["address"]),
        registration_number=frozen["registration_number"],
        vat_id=frozen["vat_id"],
        account_number=frozen["account_number"],
        contact=frozen["contact"],
    )


@strawberry.type(description="The PDF of an issued invoice.")
class InvoicePdf:
    url: Url = strawberry.field(description="A link that works for ten minutes; ask again for a fresh one.")
    file_name: str = strawberry.field(description="What the file is called.")
    size: int = strawberry.field(description="Its size in bytes.")
    sha256: str = strawberry.field(description="SHA-256 of its bytes, in hexadecimal. They never change.")


@strawberry.type(description="Why an invoice was taken back.")
class InvoiceVoiding:
    at: datetime = strawberry.field(description="When.")
    reason: str = strawberry.field(description="Why.")


@node_type(
    model=views.CustomerBalance,
    description="What a customer was invoiced and owes in one currency. Drafts and voided invoices do not count.",
)
class CustomerBalance:
    currency: CurrencyCode = strawberry.field(description="The currency of these invoices.")

    @strawberry.field(description="Gross total of all its issued invoices.")
    def invoiced(self) -> Money:
        row = cast("views.CustomerBalance", self)
        return money_of(row.invoiced, row.currency)

    @strawberry.field(description="What was paid on them.")
    def paid(self) -> Money:
        row = cast("views.CustomerBalance", self)
        return money_of(row.paid, row.currency)

    @strawberry.field(description="What is still to be paid.")
    def outstanding(self) -> Money:
        row = cast("views.CustomerBalance", self)
        return money_of(row.outstanding, row.currency)

    @strawberry.field(description="What should have been paid by now.")
    def overdue(self) -> Money:
        row = cast("views.CustomerBalance", self)
        return money_of(row.overdue, row.currency)


def _amount(column: str, description: str) -> Any:
    """An amount of the invoice, in its currency."""

    def resolve(root: Any) -> Money:
        return money_of(getattr(root, column), root.currency)

    return strawberry.field(resolver=resolve, description=description)


@node_type(
    model=models.Invoice,
    description="An invoice: freely editable as a DRAFT, kept exactly as it was from the moment it is SENT.",
)
class Invoice(Node):
    id: strawberry.ID = id_field(Kind.INVOICE)
    customer: Annotated["Customer", strawberry.lazy("api.customers.types")] = strawberry.field(
        description="Who is billed."
    )
    legal_entity: LegalEntity = strawberry.field(
        description="Who issues it, as it is now; `seller` is how the issued invoice names it."
    )
    invoice_type: PickListItem | None = strawberry.field(description="What kind of invoice it is.")
    state: InvoiceState = strawberry.field(description="What it has come to.")
    number: str | None = strawberry.field(description="Its number; null for a draft.")
    currency: CurrencyCode = strawberry.field(description="The currency of all its amounts.")
    language: LanguageCode = strawberry.field(description="The language it is written in.")
    issue_date: date | None = strawberry.field(
        description="Day of issue where the legal entity is; null for a draft."
    )
    due_date: date | None = strawberry.field(
        description="By when to pay: day of issue plus payment terms; null for a draft."
    )
    delivery_date: date | None = strawberry.field(description="Day of delivery or performance.")
    payment_terms_days: int = strawberry.field(description="Days from issue until it is due.")
    customer_reference: str | None = strawberry.field(
        description="The customer's own reference, such as its order number."
    )
    notes: str | None = strawberry.field(description="A text below the lines.")
    lines_total: Money = _amount("lines_total", "The lines' net amounts added up (BT-106).")
    discount_total: Money = _amount("discount_total", "What is taken off them all, as an amount (BT-107).")
    net: Money = _amount("net_total", "Total before tax (BT-109).")
    tax: Money = _amount("tax_total", "Total tax (BT-110).")
    gross: Money = _amount("gross_total", "Total with tax (BT-112).")
    paid: Money = _amount("paid_total", "What was paid so far (BT-113).")
    due: Money = _amount("due_total", "What is left to pay (BT-115).")
    sent_at: datetime | None = strawberry.field(description="When it was issued.")
    sent_by: User | None = strawberry.field(description="Who issued it.")
    paid_at: datetime | None = strawberry.field(description="When it was recorded as fully paid.")
    duplicate_of: Annotated["Invoice", strawberry.lazy("api.invoices.types")] | None = strawberry.field(
        description="The invoice it was copied from; null when it was not, or when that draft is gone."
    )
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    created_by: User | None = strawberry.field(description="Who created it; null when Kith did.")

    @strawberry.field(
        description="Whether it is SENT, its due day is over where the legal entity is, and something is left to pay.",
        metadata={"sql": _OVERDUE},
    )
    def is_overdue(self) -> bool:
        row = cast("models.Invoice", self)
        return row.due_date is not None and rules.is_overdue(
            state=row.state, due_on=row.due_date, due=row.due_total, time_zone=row.time_zone, now=now()
        )

    @strawberry.field(description="What is taken off all lines, as it was given; null for nothing.")
    def discount(self) -> Discount | None:
        return discount_of(cast("models.Invoice", self))

    @strawberry.field(description="The lines, in order; 1,000 at most.")
    def lines(self) -> list[InvoiceLine]:
        row = cast("models.Invoice", self)
        return cast("list[InvoiceLine]", row.lines.order_by("position"))

    @strawberry.field(description="The tax, by category and rate.")
    def tax_groups(self) -> list[TaxGroup]:
        row = cast("models.Invoice", self)
        return cast("list[TaxGroup]", row.taxes.order_by("id"))

    @strawberry.field(description="What was paid, the earliest first.")
    def payments(self) -> list[Payment]:
        row = cast("models.Invoice", self)
        return cast("list[Payment]", row.payments.order_by("paid_on", "id"))

    @strawberry.field(description="Its e-mails, the earliest first, each to one recipient.")
    def deliveries(self) -> list[Delivery]:
        row = cast("models.Invoice", self)
        return cast("list[Delivery]", row.deliveries.order_by("created_at", "id"))

    @strawberry.field(description="The seller as it was when this was issued; null for a draft.")
    def seller(self) -> InvoiceSeller | None:
        row = cast("models.Invoice", self)
        return present(row.frozen, lambda: _seller(cast("dict[str, Any]", row.frozen)["seller"]))

    @strawberry.field(description="The buyer as it was when this was issued; null for a draft.")
    def buyer(self) -> InvoiceBuyer | None:
        row = cast("models.Invoice", self)
        return present(row.frozen, lambda: _buyer(cast("dict[str, Any]", row.frozen)["buyer"]))

    @strawberry.field(
        description="The issued PDF; null for a draft, and for the moment a worker needs to make it (see `invoiceChanged`)."
    )
    def pdf(self) -> InvoicePdf | None:
        row = cast("models.Invoice", self)
        url = pdfs.pdf_link(row)
        if url is None or row.pdf_size is None or row.pdf_sha256 is None:
            return None
        return InvoicePdf(
            url=Url(url), file_name=pdfs.file_name(row), size=row.pdf_size, sha256=row.pdf_sha256
        )

    @strawberry.field(description="When and why it was taken back; null unless it is VOID.")
    def voided(self) -> InvoiceVoiding | None:
        row = cast("models.Invoice", self)
        return present(
            row.voided_at,
            lambda: InvoiceVoiding(at=cast("datetime", row.voided_at), reason=cast("str", row.void_reason)),
        )

    @connection(description="What was done to it, newest first.")
    def history(self) -> Connection[HistoryEntry]:
        row = cast("models.Invoice", self)
        return cast("Connection[HistoryEntry]", history_of_subject(Kind.INVOICE, row.id, row.unit_id))
