"""What may happen to an invoice and when: its states, payments and lateness. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from crm.kernel.errors import InvalidTransition, Problem
from crm.kernel.money import minor_digits

LOGO_MOST_BYTES = 2_000_000


class InvoiceState(StrEnum):
    """DRAFT may still change; every other state is issued, numbered and frozen."""

    DRAFT = "DRAFT"
    SENT = "SENT"
    PAID = "PAID"
    VOID = "VOID"


class InvoiceAction(StrEnum):
    """What can be asked of an invoice; the values are the API's verbs."""

    UPDATE = "updateInvoice"
    DELETE = "deleteInvoice"
    PREVIEW = "previewInvoice"
    SEND = "sendInvoice"
    RESEND = "resendInvoice"
    RECORD_PAYMENT = "recordPayment"
    MARK_PAID = "markInvoicePaid"
    VOID = "voidInvoice"
    DUPLICATE = "duplicateInvoice"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: `source` allows `action`, which leaves the invoice in one of `targets`.

    No target means that the invoice is gone; two, that the outcome depends on what is still due.
    """

    source: InvoiceState
    action: InvoiceAction
    targets: tuple[InvoiceState, ...]


_DRAFT, _SENT, _PAID, _VOID = InvoiceState

# createInvoice has no row: it has no invoice to start from and always makes a DRAFT.
TRANSITIONS: tuple[Transition, ...] = (
    Transition(_DRAFT, InvoiceAction.UPDATE, (_DRAFT,)),
    Transition(_DRAFT, InvoiceAction.DELETE, ()),
    Transition(_DRAFT, InvoiceAction.PREVIEW, (_DRAFT,)),
    Transition(_DRAFT, InvoiceAction.SEND, (_SENT,)),
    Transition(_SENT, InvoiceAction.RESEND, (_SENT,)),
    Transition(_SENT, InvoiceAction.RECORD_PAYMENT, (_SENT, _PAID)),
    Transition(_SENT, InvoiceAction.MARK_PAID, (_PAID,)),
    Transition(_SENT, InvoiceAction.VOID, (_VOID,)),
    # Copying reads the invoice and leaves it as it was, so every state allows it.
    *(Transition(state, InvoiceAction.DUPLICATE, (state,)) for state in InvoiceState),
)

_ROWS: Mapping[tuple[InvoiceAction, InvoiceState], Transition] = MappingProxyType(
    {(row.action, row.source): row for row in TRANSITIONS}
)


def allowed(action: InvoiceAction, state: InvoiceState) -> bool:
    return (action, state) in _ROWS


def allowed_actions(state: InvoiceState) -> tuple[InvoiceAction, ...]:
    """What this state allows, in the table's order; callers build their buttons from it."""
    return tuple(row.action for row in TRANSITIONS if row.source is state)


def require(action: InvoiceAction, state: InvoiceState) -> Transition:
    """The row for an action, or InvalidTransition naming the actions the state does allow."""
    row = _ROWS.get((action, state))
    if row is None:
        raise InvalidTransition(action, state, allowed_actions(state))
    return row


def payment_problems(amount: Decimal, *, due: Decimal, currency: str) -> tuple[Problem, ...]:
    """What is wrong with recording `amount` (in `currency`) while `due` is open. Empty when nothing is."""
    path, digits = ("amount",), minor_digits(currency)
    if not amount.is_finite():
        return (Problem(path, "NOT_A_NUMBER", "The amount must be a finite number."),)
    if amount <= 0:
        return (Problem(path, "NOT_POSITIVE", "A payment must be more than zero."),)
    if amount > due:
        return (Problem(path, "ABOVE_DUE", f"Only {due:f} {currency} is still due."),)
    if amount % Decimal(1).scaleb(-digits):
        sentence = f"{currency} has {digits} decimal places; the amount has more."
        return (Problem(path, "TOO_MANY_DECIMALS", sentence),)
    return ()


def state_after_payment(due: Decimal) -> InvoiceState:
    """Where a payment leaves a SENT invoice, given what is due after it."""
    return InvoiceState.SENT if due > 0 else InvoiceState.PAID


def is_overdue(*, state: InvoiceState, due_on: date, due: Decimal, time_zone: str, now: datetime) -> bool:
    """Whether a SENT invoice is late: something is due and the due day has ended where the issuer is.

    `time_zone` is the legal entity's IANA zone, `now` an aware instant. On the due day itself it is not late.
    """
    return days_overdue(state=state, due_on=due_on, due=due, time_zone=time_zone, now=now) > 0


def days_overdue(*, state: InvoiceState, due_on: date, due: Decimal, time_zone: str, now: datetime) -> int:
    """Whole calendar days past the due date in the issuer's zone; 0 when not late, paid, void or a draft."""
    if state is not InvoiceState.SENT or due <= 0:
        return 0
    return max((now.astimezone(ZoneInfo(time_zone)).date() - due_on).days, 0)
