"""The enums of customers, told to GraphQL."""

from api.enums import describe
from crm.customers.fields import FieldKind
from crm.customers.models import Consent, Phase, PickList, Stage, Status

describe(
    Stage,
    name="CustomerStage",
    description="Where a customer stands in the sales pipeline. Before LIVE the stages come in any order.",
    values={
        "PROSPECT": "A company we know of.",
        "WARM_LEAD": "It has shown interest.",
        "QUALIFIED": "It has the need and the means.",
        "PROPOSAL": "It has an offer of ours.",
        "LIVE": "It is a customer. Reached by `goLiveCustomer`, never left again.",
    },
)
describe(
    Status,
    name="CustomerStatus",
    description="How the relationship stands.",
    values={
        "PROSPECT": "Not LIVE yet.",
        "ACTIVE": "LIVE, and we do business.",
        "INACTIVE": "LIVE, but nothing happens at the moment.",
        "CHURNED": "Was LIVE and has left us; the reason is kept.",
    },
)
describe(
    Consent,
    description="Agreement to marketing.",
    values={
        "UNKNOWN": "Nobody has asked.",
        "GIVEN": "Agreed.",
        "WITHDRAWN": "Agreed once, and took it back; or refused.",
    },
)
describe(
    PickList,
    description="The lists of choices that an admin edits.",
    values={
        "SOURCE": "How customers came to us.",
        "SERVICE_PROVISION": "What service a customer gets.",
        "CUSTOMER_GROUP": "Groups customers are sorted into.",
        "INDUSTRY": "What customers live on.",
        "INVOICE_TYPE": "Kinds of invoices.",
        "STATUS_LABEL": "Finer words for a status; each stands for one of the four.",
    },
)
describe(
    Phase,
    name="RequiredFrom",
    description="From when a field must have a value.",
    values={"CREATE": "From the beginning.", "LIVE": "To go LIVE, and from then on."},
)
describe(
    FieldKind,
    name="CustomerFieldKind",
    description="What a field holds.",
    values={
        "TEXT": "One line of text.",
        "LINES": "Text of several lines.",
        "EMAIL": "An e-mail address.",
        "PHONE": "A telephone number.",
        "URL": "A web address.",
        "COUNTRY": "A country, ISO 3166-1 alpha-2.",
        "CURRENCY": "A currency, ISO 4217.",
        "LANGUAGE": "A language, BCP 47.",
        "AMOUNT": "An amount in the customer's currency.",
        "PERCENT": "A percentage from 0 to 100.",
        "INTEGER": "A whole number.",
        "DATE": "A day.",
        "BOOLEAN": "Yes or no.",
        "CHOICE": "One of the values of an enum.",
        "TAGS": "Tags.",
        "RECORD": "Another record, by its id.",
        "RECORDS": "Other records, by their ids.",
    },
)
