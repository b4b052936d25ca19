"""Seller and buyer as a document names them: copied in when an invoice is issued, and read back from there."""

from collections.abc import Mapping
from typing import Any

from crm.customers.models import Customer
from crm.documents.addresses import PostalAddress
from crm.documents.invoice import BankAccount, Buyer, Seller
from crm.invoices.models import LegalEntity

_PARTS = ("building", "street", "city", "state", "postcode", "country")
_SELLER = (
    *("name", "registration_number", "vat_id", "email", "phone", "website"),
    *("bank_name", "iban", "bic", "payment_instructions", "footer", "logo_key"),
)
_BUYER = ("name", "registration_number", "vat_id", "account_number")

Parties = Mapping[str, Any]


def parties_of(entity: LegalEntity, customer: Customer, contact: str | None) -> dict[str, Any]:
    """The JSON an issued invoice keeps: {"seller": …, "buyer": …}. `contact`: the person it is addressed to."""
    billed_at = "address" if customer.billing_same else "billing"
    seller = {name: getattr(entity, name) for name in _SELLER} | {"address": _address(entity, "address")}
    buyer = {name: getattr(customer, name) for name in _BUYER} | {"address": _address(customer, billed_at)}
    return {"seller": seller, "buyer": buyer | {"contact": contact}}


def _address(row: LegalEntity | Customer, prefix: str) -> dict[str, str | None]:
    return {part: getattr(row, f"{prefix}_{part}") for part in _PARTS}


def seller_of(parties: Parties, logo: bytes | None) -> Seller:
    seller = parties["seller"]
    return Seller(
        name=seller["name"],
        address=PostalAddress(**seller["address"]),
        registration_number=seller["registration_number"],
        vat_id=seller["vat_id"],
        email=seller["email"],
        phone=seller["phone"],
        website=seller["website"],
        bank=BankAccount(
            holder=seller["name"], bank=seller["bank_name"], iban=seller["iban"], bic=seller["bic"]
        ),
        payment_instructions=seller["payment_instructions"],
        footer=seller["footer"],
        logo=logo,
    )


def buyer_of(parties: Parties) -> Buyer:
    buyer = parties["buyer"]
    return Buyer(
        name=buyer["name"],
        address=PostalAddress(**buyer["address"]),
        contact=buyer["contact"],
        vat_id=buyer["vat_id"],
    )
