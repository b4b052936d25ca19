"""Who may see what: one rule for each field of each type, and a test that looks at every one of them as everybody.

A type declares the rule of its fields once, and names by itself every field that leads to another record, for those
are the ways out of what a person may reach. Nothing here decides: the narrowing is in each room's `queries.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Viewer(StrEnum):
    """The kinds of people who ask, from the least to the most."""

    ANONYMOUS = "ANONYMOUS"
    CONTACT = "CONTACT"
    """A customer's employee with portal access. There is no such login yet; the place is kept."""
    ANALYST = "ANALYST"
    AGENT = "AGENT"
    MANAGER = "MANAGER"
    ADMIN = "ADMIN"


class Rule(StrEnum):
    """Who may see a field of an object."""

    ANYONE = "whoever asks"
    STAFF = "everybody who is logged in: it belongs to the whole organisation"
    UNIT = "who reaches the record's business unit; for others the record does not exist"
    SHARED_UNIT = "who shares a business unit with the person, and admins"
    OWN = "the person it belongs to, and admins"
    ADMINS = "admins"
    PART = "whoever sees the object it is a part of"
    NAMED = "whoever sees the record: who did something to it is named on it, though they may be of another unit by now"


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of a type's fields, and of those that have one of their own."""

    rule: Rule
    fields: Mapping[str, Rule] = field(default_factory=dict)

    def of(self, name: str) -> Rule:
        return self.fields.get(name, self.rule)


_R = Rule


def _unit(**fields: Rule) -> Access:
    return Access(_R.UNIT, fields)


_PART = Access(_R.PART)
_CHOICES = dict.fromkeys(
    ("statusLabel", "customerGroup", "industry", "source", "serviceProvision", "invoiceTypes"), _R.STAFF
)

TYPES: Mapping[str, Access] = {
    # Records
    "Activity": _unit(customer=_R.UNIT, contact=_R.UNIT, invoice=_R.UNIT, user=_R.NAMED),
    "ApiToken": Access(_R.OWN, {"user": _R.OWN}),
    "BusinessUnit": _unit(members=_R.SHARED_UNIT),
    "Contact": _unit(customer=_R.UNIT),
    "Customer": _unit(
        **_CHOICES,
        unit=_R.UNIT,
        accountManager=_R.SHARED_UNIT,
        serviceManager=_R.NAMED,
        createdBy=_R.NAMED,
        updatedBy=_R.NAMED,
        legalEntity=_R.STAFF,
        contacts=_R.UNIT,
        primaryContact=_R.UNIT,
        activities=_R.UNIT,
        segments=_R.UNIT,
        memberships=_R.UNIT,
        invoices=_R.UNIT,
        history=_R.UNIT,
    ),
    "Delivery": _unit(invoice=_R.UNIT, createdBy=_R.NAMED),
    "EmailTemplate": Access(_R.STAFF),
    "HistoryEntry": _unit(user=_R.NAMED, unit=_R.UNIT),
    "Import": _unit(unit=_R.UNIT, createdBy=_R.NAMED, sameFileAs=_R.UNIT, problems=_R.UNIT),
    "Invoice": _unit(
        customer=_R.UNIT,
        legalEntity=_R.STAFF,
        invoiceType=_R.STAFF,
        sentBy=_R.NAMED,
        createdBy=_R.NAMED,
        duplicateOf=_R.UNIT,
        lines=_R.UNIT,
        payments=_R.UNIT,
        deliveries=_R.UNIT,
        history=_R.UNIT,
    ),
    "InvoiceLine": _unit(),
    "Job": Access(_R.ADMINS),
    "LegalEntity": Access(_R.STAFF, {"numberSeries": _R.STAFF, "emailTemplates": _R.STAFF}),
    "NumberSeries": Access(_R.STAFF),
    "Payment": _unit(invoice=_R.UNIT, createdBy=_R.NAMED),
    "PickListItem": Access(_R.STAFF),
    "Segment": _unit(unit=_R.UNIT, createdBy=_R.NAMED, customers=_R.UNIT, memberships=_R.UNIT),
    "SegmentMembership": _unit(segment=_R.UNIT, customer=_R.UNIT, addedBy=_R.NAMED),
    "User": Access(_R.SHARED_UNIT),
    # Parts of records
    **dict.fromkeys(
        (
            *(
                "Address",
                "BankAccount",
                "Churn",
                "CustomerBalance",
                "Discount",
                "FieldChange",
                "ImportColumn",
            ),
            *("ImportFailure", "ImportNotice", "ImportPreview", "ImportPreviewProblem", "ImportPreviewRow"),
            *("ImportPreviewValue", "ImportProblem", "ImportProblemCount", "InvoiceBuyer", "InvoicePdf"),
            *("InvoiceSeller", "InvoiceVoiding", "Money", "MoneyStatistics", "NumberStatistics", "PageInfo"),
            *("TaxGroup",),
        ),
        _PART,
    ),
    "Block": Access(_R.PART, {"by": _R.NAMED}),
    "MarketingConsent": Access(_R.PART, {"by": _R.NAMED}),
    # Groups of records
    "ActivityAggregate": _unit(),
    "ActivityGroupKey": _unit(unit=_R.UNIT, customer=_R.UNIT, user=_R.NAMED),
    "CustomerAggregate": _unit(),
    "CustomerGroupKey": _unit(
        **{name: rule for name, rule in _CHOICES.items() if name in {"industry", "source", "customerGroup"}},
        unit=_R.UNIT,
        accountManager=_R.SHARED_UNIT,
    ),
    "InvoiceAggregate": _unit(),
    "InvoiceGroupKey": _unit(
        unit=_R.UNIT,
        customer=_R.UNIT,
        accountManager=_R.SHARED_UNIT,
        legalEntity=_R.STAFF,
        invoiceType=_R.STAFF,
    ),
    "SegmentPreview": _unit(sample=_R.UNIT),
    # What happened
    "CustomerChange": _unit(customer=_R.UNIT),
    "InvoiceChange": _unit(invoice=_R.UNIT),
    "SegmentChange": _unit(segment=_R.UNIT),
    # What Kith itself is made of
    "CustomerField": Access(_R.STAFF),
    "ImportField": Access(_R.STAFF),
    "JobBacklog": Access(_R.ADMINS),
    "RequiredField": Access(_R.STAFF),
    # Who asks
    "Viewer": Access(_R.OWN, {"user": _R.OWN, "units": _R.OWN}),
    # Refusals; they say no more than who asked knows
    **dict.fromkeys(
        ("ForbiddenError", "InputError", "InvalidTransition", "NotFoundError", "RuleError"), _PART
    ),
    "DuplicateRecord": Access(_R.PART, {"existing": _R.UNIT}),
    "VersionConflict": Access(_R.PART, {"current": _R.UNIT}),
    # The ways in
    "Query": Access(
        _R.UNIT,
        {
            "viewer": _R.ANYONE,
            "users": _R.SHARED_UNIT,
            "apiTokens": _R.OWN,
            **dict.fromkeys(("deadJobs", "jobBacklog"), _R.ADMINS),
            **dict.fromkeys(
                (
                    *("customerFields", "importFields", "importTemplate", "importTemplateUrl"),
                    *("legalEntity", "legalEntities", "pickListItems", "requiredFields"),
                ),
                _R.STAFF,
            ),
        },
    ),
    "Mutation": Access(_R.UNIT, dict.fromkeys(("logIn", "refreshLogin", "logOut"), _R.ANYONE)),
    "Subscription": Access(_R.UNIT),
}

INTERFACES = ("Node", "UserError")
CARRIERS = ("Connection", "Edge", "Payload")
"""How the names of types end that only carry others: what is in them follows its own type's rule."""


def rule_of(type_name: str, field_name: str) -> Rule | None:
    """The declared rule of a field; None when there is none."""
    if type_name.endswith(CARRIERS) or type_name in INTERFACES:
        return Rule.PART
    declared = TYPES.get(type_name)
    return declared.of(field_name) if declared else None
