"""What callers send to create and change customers."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from api.customers import enums as _enums  # noqa: F401  declares the enums
from api.ids import key_of, keys_of, optional_key
from api.mutations import provided
from api.scalars import CountryCode, CurrencyCode, EmailAddress, LanguageCode, PhoneNumber, Url
from crm.customers.fields import CUSTOMER_FIELDS, FieldKind
from crm.customers.models import Consent, Phase, PickList, Stage, Status
from crm.customers.rules import ADDRESS_PARTS
from crm.kernel.ids import Kind


def _optional(description: str) -> Any:
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="A postal address. Parts left out stay as they are, null empties one.")
class AddressInput:
    building: str | None = _optional("Building, floor or suite; at most 120 characters.")
    street: str | None = _optional("Street and number; at most 200 characters.")
    city: str | None = _optional("City or town; at most 120 characters.")
    state: str | None = _optional("State, region or province; at most 120 characters.")
    postcode: str | None = _optional("Postcode as its country writes it; at most 20 characters.")
    country: CountryCode | None = _optional("Country; its name in several languages is understood too.")


@strawberry.input(one_of=True, description="A percentage or an amount.")
class DiscountInput:
    percent: Decimal | None = _optional("Percent, 0 to 100.")
    amount: Decimal | None = _optional("An amount in the customer's currency.")


@strawberry.input(description="The fields of a customer that may be left out.")
class CustomerFieldsInput:
    phone: PhoneNumber | None = _optional(
        "Telephone number; one without a country code is read in the address's country."
    )
    fax: PhoneNumber | None = _optional("Fax number, as the telephone number.")
    website: Url | None = _optional("Web address.")
    description: str | None = _optional("Anything worth knowing; at most 10,000 characters.")
    status_label_id: strawberry.ID | None = _optional("A STATUS_LABEL of the customer's status.")
    customer_group_id: strawberry.ID | None = _optional("A CUSTOMER_GROUP.")
    industry_id: strawberry.ID | None = _optional("An INDUSTRY.")
    source_id: strawberry.ID | None = _optional("A SOURCE.")
    service_provision_id: strawberry.ID | None = _optional("A SERVICE_PROVISION.")
    account_manager_id: strawberry.ID | None = _optional(
        "Who is responsible; a member of the customer's unit."
    )
    service_manager_id: strawberry.ID | None = _optional("Who looks after its service; a member of the unit.")
    address: AddressInput | None = _optional("The main address; null empties it.")
    billing_same: bool | None = _optional("true: billed at the main address, which is then copied.")
    billing_address: AddressInput | None = _optional(
        "Where invoices go if elsewhere; null: the main address."
    )
    registration_number: str | None = _optional("Number in the company register; at most 60 characters.")
    vat_id: str | None = _optional("VAT or tax id; at most 30 characters.")
    account_number: str | None = _optional("Our number for it; unique in the unit, at most 60 characters.")
    external_id: str | None = _optional(
        "Its id in another system; unique in the unit, at most 120 characters."
    )
    contract_start: date | None = _optional("First day of the contract.")
    contract_end: date | None = _optional("Last day of the contract, not before its start.")
    contract_review: date | None = _optional("When the contract is looked at again; within it.")
    contract_value: Decimal | None = _optional("What the contract is worth, in the customer's currency.")
    probability: int | None = _optional("How likely it becomes a customer, 0 to 100 percent.")
    currency: CurrencyCode | None = _optional(
        "The currency it is billed in; EUR if never given. Cannot be emptied."
    )
    discount: DiscountInput | None = _optional("What it gets off each invoice; null for nothing.")
    tax_rate: Decimal | None = _optional("Default tax rate, 0 to 100 percent.")
    payment_terms_days: int | None = _optional("Days until its invoices are due, 0 to 730.")
    legal_entity_id: strawberry.ID | None = _optional("The legal entity that bills it.")
    invoice_type_ids: list[strawberry.ID] | None = _optional(
        "The INVOICE_TYPEs it may get; none means every kind."
    )
    language: LanguageCode | None = _optional(
        "The language we write in; `en` if never given. Cannot be emptied."
    )
    tags: list[str] | None = _optional(
        "All its tags, at most 50 of 50 characters; each once, whatever its case."
    )


@strawberry.input(description="A new customer. It begins as a prospect.")
class CreateCustomerInput(CustomerFieldsInput):
    unit_id: strawberry.ID | None = _optional(
        "The business unit it belongs to; may be left out by members of one only."
    )
    name: str = strawberry.field(description="Name, at most 200 characters.")
    email: EmailAddress = strawberry.field(description="The customer's own e-mail address.")
    stage: Stage | None = _optional("Where it stands in the pipeline; PROSPECT if left out, not LIVE.")
    consent: Consent | None = _optional("Agreement to marketing, noted now; UNKNOWN if left out.")


@strawberry.input(
    description="Changes to a customer's fields: those left out stay as they are, null empties one."
)
class UpdateCustomerInput(CustomerFieldsInput):
    id: strawberry.ID = strawberry.field(description="The customer.")
    expected_version: int = strawberry.field(
        description="The version you read; a newer one is answered with VersionConflict."
    )
    name: str | None = _optional("Name; cannot be emptied.")
    email: EmailAddress | None = _optional("E-mail address; cannot be emptied.")


@strawberry.input(description="Names a customer.")
class CustomerInput:
    id: strawberry.ID = strawberry.field(description="The customer.")


@strawberry.input(description="A new stage.")
class SetCustomerStageInput(CustomerInput):
    stage: Stage = strawberry.field(description="Any but LIVE.")


@strawberry.input(description="A customer and why it is done.")
class CustomerReasonInput(CustomerInput):
    reason: str = strawberry.field(description="Why; at most 500 characters.")


@strawberry.input(description="Who becomes a customer's manager.")
class AssignManagerInput(CustomerInput):
    user_id: strawberry.ID | None = strawberry.field(
        description="A member of the customer's unit; null for nobody."
    )


@strawberry.input(description="Where a customer moves, and who looks after it there.")
class MoveCustomerInput(CustomerInput):
    unit_id: strawberry.ID = strawberry.field(description="The business unit it moves to.")
    account_manager_id: strawberry.ID | None = _optional(
        "Its account manager there; the present one if left out."
    )
    service_manager_id: strawberry.ID | None = _optional(
        "Its service manager there; the present one if left out."
    )


@strawberry.input(description="What a customer said about marketing.")
class RecordCustomerConsentInput(CustomerInput):
    consent: Consent = strawberry.field(description="GIVEN or WITHDRAWN.")


@strawberry.input(description="Tags to add and to remove; whatever their case.")
class TagCustomerInput(CustomerInput):
    add: list[str] = strawberry.field(default_factory=list, description="Tags it gets.")
    remove: list[str] = strawberry.field(default_factory=list, description="Tags it loses.")


@strawberry.input(description="Kinds of invoices.")
class SetCustomerInvoiceTypesInput(CustomerInput):
    invoice_type_ids: list[strawberry.ID] = strawberry.field(
        description="INVOICE_TYPEs; none means every kind."
    )


@strawberry.input(description="A new choice, put at the end of its list.")
class CreatePickListItemInput:
    list: PickList = strawberry.field(description="The list.")
    name: str = strawberry.field(
        description="Its name, unique among the list's choices in use; at most 120 characters."
    )
    status: Status | None = strawberry.field(
        default=None, description="What a STATUS_LABEL stands for; only there."
    )


@strawberry.input(description="Names a choice.")
class PickListItemInput:
    id: strawberry.ID = strawberry.field(description="The choice.")


@strawberry.input(description="A choice's new name.")
class RenamePickListItemInput(PickListItemInput):
    name: str = strawberry.field(
        description="Unique among the list's choices in use; at most 120 characters."
    )


@strawberry.input(description="A choice's new place.")
class MovePickListItemInput(PickListItemInput):
    position: int = strawberry.field(description="0 the first; the others close up.")


@strawberry.input(description="What admins require of every customer beyond the built-in fields.")
class SetRequiredFieldsInput:
    phase: Phase = strawberry.field(description="From when.")
    fields: list[str] = strawberry.field(description="All of them, by the names of `customerFields`.")


def values_of(input: CustomerFieldsInput) -> dict[str, Any]:
    """The given fields by the keys of CUSTOMER_FIELDS. Raises NotFound for a malformed id."""
    given = provided(input)
    values = {key: _decoded(key, value) for key, value in given.items() if key in CUSTOMER_FIELDS}
    return values | _address(given) | _billing(given) | _discount(given)


def manager_keys(input: MoveCustomerInput) -> dict[str, UUID | None]:
    """The managers that were given."""
    keys = ("account_manager_id", "service_manager_id")
    return {key: _decoded(key, value) for key, value in provided(input).items() if key in keys}


def _decoded(key: str, value: Any) -> Any:
    field = CUSTOMER_FIELDS[key]
    if field.kind is FieldKind.RECORDS and value is not None:
        return keys_of(Kind.PICK_LIST_ITEM, value, field.name)
    return optional_key(field.refers_to, value, field.name) if field.refers_to is not None else value


def _address(given: Mapping[str, Any], name: str = "address", prefix: str = "address") -> dict[str, Any]:
    if name not in given:
        return {}
    if given[name] is None:
        return {f"{prefix}_{part}": None for part in ADDRESS_PARTS}
    return {f"{prefix}_{part}": value for part, value in provided(given[name]).items()}


def _billing(given: Mapping[str, Any]) -> dict[str, Any]:
    if "billing_address" in given and given["billing_address"] is None:
        return {"billing_same": True}
    return _address(given, "billing_address", "billing")


def _discount(given: Mapping[str, Any]) -> dict[str, Any]:
    if "discount" not in given:
        return {}
    chosen = {} if given["discount"] is None else provided(given["discount"])
    return {"discount_percent": chosen.get("percent"), "discount_amount": chosen.get("amount")}


def customer_key(input: CustomerInput) -> UUID:
    return key_of(Kind.CUSTOMER, input.id)


def item_key(input: PickListItemInput) -> UUID:
    return key_of(Kind.PICK_LIST_ITEM, input.id)
