"""Every field of a customer, as text from a file and as a value from the API: what is kept and what is refused."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from crm.customers.fields import ALWAYS_REQUIRED, CUSTOMER_FIELDS, LIVE_REQUIRED, FieldKind, clean
from crm.customers.models import Consent, Customer, Stage
from crm.customers.rules import contradictions, with_billing

KEPT: list[tuple[str, Any, Any]] = [
    ("name", "  Ada & Söhne  ", "Ada & Söhne"),
    ("email", " Ada@Example.com ", "Ada@Example.com"),
    ("phone", "+49 (0)30 901820", "+4930901820"),
    ("website", "www.Example.com", "https://www.example.com"),
    ("description", "one\r\ntwo", "one\ntwo"),
    ("stage", "warm lead", Stage.WARM_LEAD),
    ("stage", Stage.PROPOSAL, Stage.PROPOSAL),
    ("consent", "given", Consent.GIVEN),
    ("address_country", "Germany", "DE"),
    ("address_postcode", " SW1A 1AA ", "SW1A 1AA"),
    ("contract_start", "2026-01-31", date(2026, 1, 31)),
    ("contract_start", date(2026, 1, 31), date(2026, 1, 31)),
    ("contract_value", "1200.50", Decimal("1200.5")),
    ("contract_value", Decimal("1E+3"), Decimal(1000)),
    ("probability", "100", 100),
    ("probability", 0, 0),
    ("currency", "eur", "EUR"),
    ("discount_percent", "2.5%", Decimal("2.5")),
    ("discount_percent", Decimal(100), Decimal(100)),
    ("tax_rate", "19", Decimal(19)),
    ("payment_terms_days", 730, 730),
    ("billing_same", "no", False),
    ("billing_same", True, True),
    ("language", "de_de", "de-DE"),
    ("tags", ["VIP", "Retail", "vip"], ["VIP", "Retail"]),
    ("tags", "VIP; Retail", ["VIP", "Retail"]),
    ("tags", None, []),
    ("tags", [], []),
    ("invoice_type_ids", None, []),
    ("industry_id", UUID(int=7), UUID(int=7)),
    ("phone", "", None),
    ("industry_id", None, None),
]

REFUSED: list[tuple[str, Any, tuple[str, ...], str]] = [
    ("name", "", ("name",), "REQUIRED"),
    ("name", None, ("name",), "REQUIRED"),
    ("name", "x" * 201, ("name",), "TOO_LONG"),
    ("name", "a\nb", ("name",), "CONTROL_CHARACTERS"),
    ("email", "nobody", ("email",), "INVALID_EMAIL"),
    ("email", None, ("email",), "REQUIRED"),
    ("phone", "call me", ("phone",), "INVALID_PHONE"),
    ("fax", "12", ("fax",), "INVALID_PHONE"),
    ("website", "javascript:alert(1)", ("website",), "INVALID_URL"),
    ("stage", "LIVE", ("stage",), "INVALID_CHOICE"),
    ("stage", "lost", ("stage",), "INVALID_CHOICE"),
    ("address_country", "Atlantis", ("address", "country"), "INVALID_COUNTRY"),
    ("billing_city", "x" * 121, ("billingAddress", "city"), "TOO_LONG"),
    ("address_postcode", "x" * 21, ("address", "postcode"), "TOO_LONG"),
    ("contract_end", "31.12.2026", ("contractEnd",), "INVALID_DATE"),
    ("contract_end", date(1066, 10, 14), ("contractEnd",), "INVALID_DATE"),
    ("contract_value", Decimal(-1), ("contractValue",), "OUT_OF_RANGE"),
    ("contract_value", "1.23456", ("contractValue",), "INVALID_DECIMAL"),
    ("probability", 101, ("probability",), "OUT_OF_RANGE"),
    ("probability", "-1", ("probability",), "OUT_OF_RANGE"),
    ("probability", "7.5", ("probability",), "INVALID_INTEGER"),
    ("currency", "XXX", ("currency",), "INVALID_CURRENCY"),
    ("currency", None, ("currency",), "REQUIRED"),
    ("language", None, ("language",), "REQUIRED"),
    ("billing_same", None, ("billingSame",), "REQUIRED"),
    ("billing_same", "perhaps", ("billingSame",), "INVALID_BOOLEAN"),
    ("discount_percent", Decimal("100.5"), ("discount", "percent"), "OUT_OF_RANGE"),
    ("discount_amount", Decimal(-5), ("discount", "amount"), "OUT_OF_RANGE"),
    ("tax_rate", "101", ("taxRate",), "OUT_OF_RANGE"),
    ("payment_terms_days", 731, ("paymentTermsDays",), "OUT_OF_RANGE"),
    ("tags", ["a,b"], ("tags",), "INVALID_TAG"),
    ("tags", [str(n) for n in range(51)], ("tags",), "INVALID_TAG"),
    ("industry_id", "Retail", ("industryId",), "INVALID_CHOICE"),
    ("consent", "maybe", ("consent",), "INVALID_CHOICE"),
]


@pytest.mark.parametrize(("key", "given", "kept"), KEPT)
def test_a_value_is_kept_in_its_usual_form(key: str, given: Any, kept: Any) -> None:
    assert clean({key: given}) == ({key: kept}, [])


@pytest.mark.parametrize(("key", "given", "path", "code"), REFUSED)
def test_a_wrong_value_is_refused_with_its_path_and_code(
    key: str, given: Any, path: tuple[str, ...], code: str
) -> None:
    _, problems = clean({key: given})

    assert [(p.path, p.code) for p in problems] == [(path, code)]


def test_all_problems_come_at_once() -> None:
    _, problems = clean({"name": "", "email": "x", "phone": "y", "probability": 200})

    assert {p.path for p in problems} == {("name",), ("email",), ("phone",), ("probability",)}


def test_a_phone_number_without_country_code_belongs_to_the_address() -> None:
    here, _ = clean({"phone": "030 901820", "address_country": "DE"})
    there, _ = clean({"phone": "030 901820"}, country="DE")
    nowhere, _ = clean({"phone": "030 901820"})

    assert (here["phone"], there["phone"], nowhere["phone"]) == ("+4930901820", "+4930901820", "030901820")


@pytest.mark.usefixtures("db")
async def test_every_column_a_caller_may_set_is_in_the_table_and_none_other() -> None:
    columns = {column["name"] for column in Customer.describe()["data_fields"] if not column["generated"]}
    by_actions = {
        *("unit_id", "status", "consent_at", "consent_by_id", "blocked_at", "blocked_reason"),
        *("blocked_by_id", "churned_at", "churn_reason", "live_since", "archived_at", "last_activity_at"),
        *("version", "created_at", "updated_at", "created_by_id", "updated_by_id"),
    }

    assert columns - by_actions == set(CUSTOMER_FIELDS) - {"invoice_type_ids"}


def test_texts_fit_their_columns() -> None:
    lengths = {
        column["name"]: column["constraints"].get("max_length")
        for column in Customer.describe()["data_fields"]
    }
    texts = {key: field.max_length for key, field in CUSTOMER_FIELDS.items() if field.kind is FieldKind.TEXT}

    assert texts == {key: lengths[key] for key in texts}


def test_what_is_always_required_cannot_be_required_twice() -> None:
    assert set(ALWAYS_REQUIRED) == {key for key in ("name", "email") if CUSTOMER_FIELDS[key].required}
    assert set(LIVE_REQUIRED) <= set(CUSTOMER_FIELDS)


@pytest.mark.parametrize(
    ("changes", "current", "codes"),
    [
        (
            {"contract_end": date(2026, 1, 1)},
            {"contract_start": date(2026, 1, 2)},
            ["CONTRACT_ENDS_BEFORE_START"],
        ),
        ({"contract_end": date(2026, 1, 2)}, {"contract_start": date(2026, 1, 2)}, []),
        (
            {"contract_review": date(2026, 1, 1)},
            {"contract_start": date(2026, 1, 2)},
            ["REVIEW_OUTSIDE_CONTRACT"],
        ),
        (
            {"contract_end": date(2026, 1, 1)},
            {"contract_review": date(2026, 1, 2)},
            ["REVIEW_OUTSIDE_CONTRACT"],
        ),
        ({"contract_review": date(2026, 1, 2)}, {}, []),
        ({"discount_percent": 1}, {"discount_amount": 1}, ["TWO_DISCOUNTS"]),
        ({"discount_percent": 1, "discount_amount": None}, {"discount_amount": 1}, []),
        ({"billing_same": True, "billing_city": "Rome"}, {}, ["BILLING_ADDRESS_IS_MAIN"]),
        ({"billing_same": False, "billing_city": "Rome"}, {}, []),
    ],
)
def test_what_does_not_fit_together_is_named(changes: Any, current: Any, codes: list[str]) -> None:
    assert [p.code for p in contradictions(changes, current)] == codes


def test_the_main_address_is_copied_while_it_is_the_billing_address() -> None:
    new = with_billing({"address_city": "Bremen"}, {})
    moved = with_billing({"address_city": "Kiel"}, {"billing_same": True, "address_street": "Am Wall"})
    own = with_billing({"billing_city": "Rome"}, {"billing_same": True, "address_city": "Kiel"})
    kept = with_billing({"address_city": "Kiel"}, {"billing_same": False, "billing_city": "Rome"})
    back = with_billing({"billing_same": True}, {"billing_same": False, "address_city": "Kiel"})

    assert new["billing_city"] == "Bremen"
    assert (moved["billing_city"], moved["billing_street"]) == ("Kiel", "Am Wall")
    assert (own["billing_same"], own["billing_city"]) == (False, "Rome")
    assert "billing_city" not in kept
    assert back["billing_city"] == "Kiel"
