"""The enums of aggregates, told to GraphQL."""

from api.activities import types as _activities  # noqa: F401  declares the enums
from api.customers import enums as _customers  # noqa: F401  declares the enums
from api.enums import describe
from api.invoices import enums as _invoices  # noqa: F401  declares the enums
from crm.analytics.rules import (
    ActivityDimension,
    CustomerDimension,
    DateBucket,
    InvoiceAge,
    InvoiceDimension,
)

CUSTOMER_FIELDS = {
    "STAGE": "Where they stand in the sales pipeline.",
    "STATUS": "How the relationship stands.",
    "COUNTRY": "Country of the main address.",
    "INDUSTRY": "What they live on.",
    "SOURCE": "How they came to us.",
    "CUSTOMER_GROUP": "The group they are sorted into.",
    "UNIT": "The business unit they belong to.",
    "ACCOUNT_MANAGER": "Who is responsible for them.",
    "CURRENCY": "The currency they are billed in.",
    "CREATED": "When they were created; by `bucket`.",
    "LIVE_SINCE": "When they went LIVE; by `bucket`.",
    "CONTRACT_END": "When their contract ends; by `bucket`.",
}
INVOICE_FIELDS = {
    "STATE": "What they have come to.",
    "CURRENCY": "The currency of their amounts.",
    "CUSTOMER": "Who is billed.",
    "LEGAL_ENTITY": "Who issues them.",
    "INVOICE_TYPE": "What kind of invoices they are.",
    "COUNTRY": "Country of the customer's main address, as it is now.",
    "UNIT": "The business unit the customer belongs to now.",
    "ACCOUNT_MANAGER": "Who is responsible for the customer now.",
    "ISSUE_DATE": "Day of issue; by `bucket`.",
    "DUE_DATE": "By when to pay; by `bucket`.",
    "AGE": "How long what is still to be paid has been due.",
}
ACTIVITY_FIELDS = {
    "TYPE": "What sort of thing was done.",
    "OUTCOME": "How it went.",
    "USER": "Who did it.",
    "CUSTOMER": "The customer it was done with.",
    "UNIT": "The business unit the customer belongs to now.",
    "OCCURRED": "When it happened; by `bucket`.",
}

describe(
    DateBucket,
    description="A length of time that is gathered into one group. The group's key is its first day.",
    values={
        "DAY": "Calendar days.",
        "WEEK": "Weeks from Monday to Sunday (ISO 8601).",
        "MONTH": "Calendar months.",
        "QUARTER": "Quarters of the calendar year, from January, April, July and October.",
        "YEAR": "Calendar years.",
    },
)
describe(
    InvoiceAge,
    description="How long what is still to be paid of a SENT invoice has been due, where its legal entity is. "
    "Drafts and what is paid or void has no age.",
    values={
        "CURRENT": "Not due yet, or due today.",
        "DAYS_1_30": "Overdue by 1 to 30 days.",
        "DAYS_31_60": "Overdue by 31 to 60 days.",
        "DAYS_61_90": "Overdue by 61 to 90 days.",
        "OVER_90": "Overdue by 91 days or more.",
    },
)
describe(
    CustomerDimension,
    name="CustomerGroupField",
    description="What customers can be grouped by.",
    values=CUSTOMER_FIELDS,
)
describe(
    InvoiceDimension,
    name="InvoiceGroupField",
    description="What invoices can be grouped by.",
    values=INVOICE_FIELDS,
)
describe(
    ActivityDimension,
    name="ActivityGroupField",
    description="What activities can be grouped by.",
    values=ACTIVITY_FIELDS,
)
