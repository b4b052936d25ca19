"""What customers can be filtered by: lists, dynamic segments, exports and bulk actions all speak this."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from functools import cache
from typing import Any, cast

from tortoise import Model, Tortoise
from tortoise.expressions import F, Q

from crm.customers.letters import by_letters, lettered
from crm.customers.models import Consent, Stage, Status
from crm.customers.narrowing import contacts_at, customers_at, narrowed, narrowed_contacts
from crm.kernel.actor import Actor
from crm.kernel.filtering import (
    CURRENCY,
    FilterField,
    FilterRelation,
    FilterSet,
    Operand,
    coded,
    codes_or,
    searched,
    usual,
)
from crm.kernel.ids import Kind
from crm.kernel.search import begins_with, folds_alike, folds_to
from crm.kernel.values import country_codes, parse_country, parse_language


def _model(name: str) -> type[Model]:
    """A model of a room above this one, by its name: no import leads upwards."""
    apps: Any = Tortoise.apps
    return cast("type[Model]", apps["crm"][name])


def _choices_of(model: str, column: str) -> type[StrEnum]:
    field: Any = _model(model)._meta.fields_map[column]  # noqa: SLF001  Tortoise's own description of a model
    return cast("type[StrEnum]", field.enum_type)


def _flag(**present: Any) -> FilterField:
    """Whether the condition holds."""
    return FilterField(Operand.FLAG, build=lambda _, value: Q(**present) if value else ~Q(**present))


def _owner(operator: str, value: Any) -> Q:
    """Either of a customer's owners; `ne` and `notIn`: neither is."""
    columns = ("account_manager_id", "service_manager_id")
    nobody = Q(account_manager_id__isnull=True, service_manager_id__isnull=True)
    match operator:
        case "isNull":
            return nobody if value else ~nobody
        case "eq" | "ne":
            wanted = [value]
        case _:
            wanted = list(value)
    either = Q(*(_is_one_of(column, wanted) for column in columns), join_type=Q.OR)
    return either if operator in {"eq", "in"} else ~either


def _is_one_of(column: str, wanted: list[Any]) -> Q:
    """Two-valued, so that it can be negated: nobody is none of them."""
    listed: dict[str, Any] = {f"{column}__in": wanted, f"{column}__isnull": False}
    return Q(**listed)


def _name() -> FilterField:
    """A name's words are known to the search: their index finds what may hold a text, the column itself decides. What begins
    with one is found where names are sorted: three letters are everywhere.
    """
    compare = usual("name")

    def build(operator: str, value: Any) -> Q:
        if operator == "startsWith" and folds_alike(value):
            return begins_with(value, "name", "sort_name")
        found = compare(operator, value)
        if operator in {"eq", "in"}:
            return found & folds_to([value] if operator == "eq" else value, "sort_name")
        return found & narrowed(value, is_name=True) if operator == "contains" else found

    return FilterField(Operand.TEXT, "name", build=build, varies=False)


def _email() -> FilterField:
    """As names. Whole addresses are found where they are sorted, what is within a word of one by its letters."""
    compare = usual("email")

    def build(operator: str, value: Any) -> Q:
        found = compare(operator, value)
        match operator:
            case "eq" | "in":
                return found & customers_at([value] if operator == "eq" else value)
            case "startsWith" if value.isascii():
                return begins_with(value, "email", "sort_email")
            case "contains" | "startsWith":
                words = narrowed(value, is_name=False)
                return found & (words or by_letters("customer", "email", operator, value))
        return found

    return FilterField(Operand.TEXT, "email", build=build, varies=False)


_F, _O = FilterField, Operand
_COUNTRY = codes_or("[A-Z]{2}", parse_country)
_LANGUAGE = codes_or("[a-z]{2}", parse_language)


def _choice(column: str) -> FilterField:
    return _F(_O.ID, column, kind=Kind.PICK_LIST_ITEM)


def _contact_name() -> FilterField:
    """Its customer has its words."""
    compare = usual("name")

    def build(operator: str, value: Any) -> Q:
        found = compare(operator, value)
        match operator:
            case "eq" | "contains" | "startsWith":
                return found & narrowed_contacts([value], is_name=True)
            case "in":
                return found & narrowed_contacts(value, is_name=True)
        return found

    return FilterField(Operand.TEXT, "name", build=build)


def _contact_email() -> FilterField:
    """As customers'; what begins with a text is one part of many."""
    compare = usual("email")

    def build(operator: str, value: Any) -> Q:
        found = compare(operator, value)
        match operator:
            case "eq" | "in":
                return found & contacts_at([value] if operator == "eq" else value)
            case "contains" | "startsWith":
                words = narrowed_contacts([value], is_name=False)
                return found & (words or by_letters("contact", "email", operator, value))
        return found

    return FilterField(Operand.TEXT, "email", build=build)


_CONTACTS = FilterSet(
    {
        "name": _contact_name(),
        "email": _contact_email(),
        "phone": lettered("contact", "phone"),
        "title": lettered("contact", "title"),
        "department": lettered("contact", "department"),
        "primary": _F(_O.FLAG, "is_primary"),
        "consent": _F(_O.ENUM, "consent", choices=Consent),
    }
)
_SEGMENTS = FilterSet(
    {
        "segment": _F(_O.ID, "segment_id", kind=Kind.SEGMENT),
        "name": _F(_O.TEXT, "segment__name"),
        "enteredAt": _F(_O.INSTANT, "entered_at"),
    }
)


@cache
def _activities() -> FilterSet:
    return FilterSet(
        {
            "type": _F(_O.ENUM, "type", choices=_choices_of("Activity", "type")),
            "outcome": _F(_O.ENUM, "outcome", choices=_choices_of("Activity", "outcome")),
            "title": searched("title"),
            "user": _F(_O.ID, "user_id", kind=Kind.USER),
            "occurredAt": _F(_O.INSTANT, "occurred_at"),
        }
    )


@cache
def _invoices() -> FilterSet:
    return FilterSet(
        {
            "state": _F(_O.ENUM, "state", choices=_choices_of("Invoice", "state")),
            "number": searched("number"),
            "currency": CURRENCY,
            "issueDate": _F(_O.DATE, "issue_date"),
            "dueDate": _F(_O.DATE, "due_date"),
            "gross": _F(_O.NUMBER, "gross_total"),
            "due": _F(_O.NUMBER, "due_total"),
        }
    )


CUSTOMER_FILTERS = FilterSet(
    {
        "name": _name(),
        "email": _email(),
        "phone": lettered("customer", "phone"),
        "website": lettered("customer", "website"),
        "accountNumber": lettered("customer", "account_number"),
        "registrationNumber": lettered("customer", "registration_number"),
        "vatId": lettered("customer", "vat_id"),
        "externalId": lettered("customer", "external_id"),
        "stage": _F(_O.ENUM, "stage", choices=Stage),
        "status": _F(_O.ENUM, "status", choices=Status),
        "statusLabel": _choice("status_label_id"),
        "customerGroup": _choice("customer_group_id"),
        "industry": _choice("industry_id"),
        "source": _choice("source_id"),
        "serviceProvision": _choice("service_provision_id"),
        "owner": _F(_O.ID, kind=Kind.USER, build=_owner, varies=True),
        "accountManager": _F(_O.ID, "account_manager_id", kind=Kind.USER),
        "serviceManager": _F(_O.ID, "service_manager_id", kind=Kind.USER),
        "unit": _F(_O.ID, "unit_id", kind=Kind.BUSINESS_UNIT),
        "legalEntity": _F(_O.ID, "legal_entity_id", kind=Kind.LEGAL_ENTITY),
        "country": coded("address_country", _COUNTRY, country_codes, varies=False),
        "city": lettered("customer", "address_city"),
        "state": lettered("customer", "address_state"),
        "postcode": lettered("customer", "address_postcode"),
        "tags": _F(_O.TAGS, "tags"),
        "consent": _F(_O.ENUM, "consent", choices=Consent),
        "language": lettered("customer", "language", means=_LANGUAGE),
        "currency": CURRENCY,
        "contractValue": _F(_O.NUMBER, "contract_value"),
        "probability": _F(_O.WHOLE, "probability"),
        "contractStart": _F(_O.DATE, "contract_start"),
        "contractEnd": _F(_O.DATE, "contract_end"),
        "contractReview": _F(_O.DATE, "contract_review"),
        "createdAt": _F(_O.INSTANT, "created_at"),
        "updatedAt": _F(_O.INSTANT, "updated_at"),
        "lastActivityAt": _F(_O.INSTANT, "last_activity_at"),
        "liveSince": _F(_O.INSTANT, "live_since"),
        "blocked": _flag(blocked_at__isnull=False),
        "archived": _flag(archived_at__isnull=False),
        "hasPhone": _flag(phone__isnull=False),
        "hasWebsite": _flag(website__isnull=False),
        "hasOwner": FilterField(Operand.FLAG, build=lambda _, value: _owner("isNull", not value)),
    },
    {
        "contacts": FilterRelation(lambda: _model("Contact"), "customer_id", lambda: _CONTACTS),
        "activities": FilterRelation(lambda: _model("Activity"), "customer_id", _activities),
        "segments": FilterRelation(
            lambda: _model("SegmentMembership"), "customer_id", lambda: _SEGMENTS, {"left_at__isnull": True}
        ),
        "invoices": FilterRelation(lambda: _model("Invoice"), "customer_id", _invoices),
    },
)


@cache
def filters_of_members() -> FilterSet:
    """CUSTOMER_FILTERS for a list below a record, which knows no actor: segments are those of the customer's own unit.

    Whoever sees the customer sees these; segments over all units, which are for admins, cannot be probed.
    """
    relation = CUSTOMER_FILTERS.relations["segments"]
    # An F() joins nothing by itself: the last condition brings the customer in.
    own = {"segment__unit_id": F("customer__unit_id"), "customer__id__isnull": False}
    seen = replace(relation, where={**relation.where, **own})
    return replace(CUSTOMER_FILTERS, relations={**CUSTOMER_FILTERS.relations, "segments": seen})


def speaks_of(rule: Mapping[str, Any], name: str) -> bool:
    """Whether a filter has a condition on the customers' own field `name`, at any depth of and, or, not."""
    if rule.get(name) is not None:
        return True
    inner = [*(rule.get("and") or ()), *(rule.get("or") or ()), rule.get("not")]
    return any(speaks_of(each, name) for each in inner if isinstance(each, Mapping))


def filters_for(actor: Actor) -> FilterSet:
    """CUSTOMER_FILTERS, for which segments the actor may not see are empty: a filter is no way to probe them."""
    if actor.sees_all_units:
        return CUSTOMER_FILTERS
    relation = CUSTOMER_FILTERS.relations["segments"]
    seen = replace(relation, where={**relation.where, "segment__unit_id__in": list(actor.unit_ids)})
    return replace(CUSTOMER_FILTERS, relations={**CUSTOMER_FILTERS.relations, "segments": seen})
