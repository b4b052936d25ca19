"""The enums of invoices, told to GraphQL."""

from api.enums import describe
from crm.invoices.lines import TaxCategory
from crm.invoices.models import DeliveryState, DocumentKind, PaymentMethod
from crm.invoices.rules import InvoiceState

describe(
    InvoiceState,
    description="What an invoice has come to. Overdue is no state: see `isOverdue`.",
    values={
        "DRAFT": "Still being written: no number, free to change and to delete.",
        "SENT": "Issued: numbered, frozen, and e-mailed or about to be. Something may be paid already.",
        "PAID": "Nothing is left to pay.",
        "VOID": "Taken back with a reason. Its number stays used.",
    },
)
describe(
    TaxCategory,
    description="How a line is taxed, as EN 16931 (UNCL5305) names it. Only STANDARD has a rate above 0.",
    values={
        "STANDARD": "S: at a rate above 0.",
        "ZERO_RATED": "Z: taxed at 0 %.",
        "EXEMPT": "E: exempt from tax.",
        "REVERSE_CHARGE": "AE: the customer owes the tax.",
        "INTRA_COMMUNITY": "K: supply to a business in another EU country.",
        "EXPORT": "G: export out of the EU.",
        "NOT_SUBJECT": "O: not subject to tax; then no line of the invoice is.",
    },
)
describe(
    PaymentMethod,
    description="How money came in.",
    values={
        "BANK_TRANSFER": "Transferred to the legal entity's account.",
        "DIRECT_DEBIT": "Collected from the customer's account.",
        "CARD": "By credit or debit card.",
        "CASH": "In cash.",
        "OTHER": "In another way; say how in `reference`.",
    },
)
describe(
    DeliveryState,
    description="How the e-mail to one recipient stands. A failed e-mail never takes the invoice back.",
    values={
        "QUEUED": "On its way; after a failed try, `reason` says what delays it.",
        "SENT": "The mail server took it.",
        "FAILED": "Given up; `reason` says why. `retryDelivery` tries again.",
    },
)
describe(
    DocumentKind,
    description="A kind of numbered document.",
    values={"INVOICE": "Invoices."},
)
