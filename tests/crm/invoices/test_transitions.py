from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

import pytest

from crm.invoices.rules import (
    TRANSITIONS,
    InvoiceAction,
    InvoiceState,
    allowed,
    allowed_actions,
    days_overdue,
    is_overdue,
    payment_problems,
    require,
    state_after_payment,
)
from crm.kernel.errors import InvalidTransition

DRAFT, SENT, PAID, VOID = InvoiceState
A = InvoiceAction

# The domain's table, written a second time from the page.
TABLE = {
    (DRAFT, A.UPDATE): (DRAFT,),
    (DRAFT, A.DELETE): (),
    (DRAFT, A.PREVIEW): (DRAFT,),
    (DRAFT, A.SEND): (SENT,),
    (DRAFT, A.DUPLICATE): (DRAFT,),
    (SENT, A.RESEND): (SENT,),
    (SENT, A.RECORD_PAYMENT): (SENT, PAID),
    (SENT, A.MARK_PAID): (PAID,),
    (SENT, A.VOID): (VOID,),
    (SENT, A.DUPLICATE): (SENT,),
    (PAID, A.DUPLICATE): (PAID,),
    (VOID, A.DUPLICATE): (VOID,),
}
REFUSED = [row for row in product(InvoiceState, InvoiceAction) if row not in TABLE]


@pytest.mark.parametrize(("state", "action"), TABLE)
def test_what_the_table_allows_is_allowed(state: InvoiceState, action: InvoiceAction) -> None:
    assert allowed(action, state)
    assert require(action, state).targets == TABLE[state, action]


@pytest.mark.parametrize(("state", "action"), REFUSED)
def test_everything_else_is_refused_and_says_what_is_possible(
    state: InvoiceState, action: InvoiceAction
) -> None:
    assert not allowed(action, state)
    with pytest.raises(InvalidTransition) as refused:
        require(action, state)
    assert refused.value.allowed == tuple(possible for source, possible in TABLE if source is state)


def test_no_row_is_written_twice() -> None:
    assert len({(row.source, row.action) for row in TRANSITIONS}) == len(TRANSITIONS) == len(TABLE)


def test_only_a_draft_can_change_or_vanish() -> None:
    assert {row.source for row in TRANSITIONS if row.action in (A.UPDATE, A.DELETE, A.SEND)} == {DRAFT}
    assert allowed_actions(VOID) == (A.DUPLICATE,)


def test_no_issued_invoice_becomes_a_draft_again() -> None:
    assert not [row for row in TRANSITIONS if row.source is not DRAFT and DRAFT in row.targets]


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        ("100.00", "EUR", None),
        ("0.01", "EUR", None),
        ("100", "JPY", None),
        ("0.001", "KWD", None),
        ("0", "EUR", "NOT_POSITIVE"),
        ("-1", "EUR", "NOT_POSITIVE"),
        ("100.01", "EUR", "ABOVE_DUE"),
        ("1E+400000", "EUR", "ABOVE_DUE"),
        ("0.001", "EUR", "TOO_MANY_DECIMALS"),
        ("0.1", "JPY", "TOO_MANY_DECIMALS"),
        ("1E-400000", "EUR", "TOO_MANY_DECIMALS"),
        ("NaN", "EUR", "NOT_A_NUMBER"),
        ("-Infinity", "EUR", "NOT_A_NUMBER"),
    ],
)
def test_a_payment_is_positive_whole_units_and_never_above_what_is_due(
    amount: str, currency: str, code: str | None
) -> None:
    problems = payment_problems(Decimal(amount), due=Decimal(100), currency=currency)

    assert [(problem.path, problem.code) for problem in problems] == ([(("amount",), code)] if code else [])


def test_a_payment_of_all_that_is_due_settles_the_invoice() -> None:
    assert state_after_payment(Decimal("0.01")) is SENT
    assert state_after_payment(Decimal("0.00")) is PAID


DUE = date(2026, 3, 9)


@pytest.mark.parametrize(
    ("zone", "now", "days"),
    [
        ("Europe/Berlin", datetime(2026, 3, 9, 22, 59, tzinfo=UTC), 0),
        ("Europe/Berlin", datetime(2026, 3, 9, 23, 0, tzinfo=UTC), 1),
        ("Pacific/Auckland", datetime(2026, 3, 9, 11, 0, tzinfo=UTC), 1),
        ("America/Los_Angeles", datetime(2026, 3, 10, 6, 59, tzinfo=UTC), 0),
        ("America/Los_Angeles", datetime(2026, 3, 10, 7, 0, tzinfo=UTC), 1),
        ("UTC", datetime(2026, 3, 8, tzinfo=UTC), 0),
        ("UTC", datetime(2026, 4, 9, tzinfo=UTC), 31),
    ],
)
def test_an_invoice_is_late_when_its_due_day_is_over_where_the_issuer_is(
    zone: str, now: datetime, days: int
) -> None:
    late = days_overdue(state=SENT, due_on=DUE, due=Decimal(1), time_zone=zone, now=now)

    assert late == days
    assert is_overdue(state=SENT, due_on=DUE, due=Decimal(1), time_zone=zone, now=now) is (days > 0)


@pytest.mark.parametrize(("state", "due"), [(DRAFT, "1"), (PAID, "0"), (VOID, "1"), (SENT, "0")])
def test_what_is_not_open_is_never_late(state: InvoiceState, due: str) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)

    assert not is_overdue(state=state, due_on=DUE, due=Decimal(due), time_zone="UTC", now=now)
