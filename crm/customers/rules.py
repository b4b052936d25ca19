"""The states of a customer and what each allows (DOMAIN §2), as a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from crm.customers.errors import CustomerArchived
from crm.customers.models import Customer, Stage, Status
from crm.kernel.errors import InvalidTransition, Problem


class Action(StrEnum):
    """What can be done to a customer's state; the values are the API's names."""

    SET_STAGE = "setCustomerStage"
    GO_LIVE = "goLiveCustomer"
    DEACTIVATE = "deactivateCustomer"
    ACTIVATE = "activateCustomer"
    CHURN = "churnCustomer"
    BLOCK = "blockCustomer"
    UNBLOCK = "unblockCustomer"
    ARCHIVE = "archiveCustomer"
    RESTORE = "restoreCustomer"
    DELETE = "deleteCustomer"


@dataclass(frozen=True, slots=True)
class State:
    """The status, and the two flags beside it."""

    status: Status
    blocked: bool = False
    archived: bool = False

    @classmethod
    def of(cls, customer: Customer) -> "State":
        return cls(customer.status, customer.blocked_at is not None, customer.archived_at is not None)

    def __str__(self) -> str:
        flags = [" and blocked"] * self.blocked + [" and archived"] * self.archived
        return self.status.value + "".join(flags)


BY_STATUS: Mapping[Status, tuple[Action, ...]] = {
    Status.PROSPECT: (Action.SET_STAGE, Action.GO_LIVE),
    Status.ACTIVE: (Action.DEACTIVATE, Action.CHURN),
    Status.INACTIVE: (Action.ACTIVATE, Action.CHURN),
    Status.CHURNED: (Action.ACTIVATE,),
}
WHEN_ARCHIVED = (Action.RESTORE, Action.DELETE)

BEFORE_LIVE = (Stage.PROSPECT, Stage.WARM_LEAD, Stage.QUALIFIED, Stage.PROPOSAL)
"""The stages a customer may take in any order; LIVE is reached by `goLiveCustomer` only."""


def allowed(state: State) -> tuple[Action, ...]:
    """The actions a state allows."""
    if state.archived:
        return WHEN_ARCHIVED
    flag = Action.UNBLOCK if state.blocked else Action.BLOCK
    return (*BY_STATUS[state.status], flag, Action.ARCHIVE, Action.DELETE)


def check(action: Action, customer: Customer) -> None:
    """Raises CustomerArchived or InvalidTransition unless the customer's state allows the action."""
    state = State.of(customer)
    if action in allowed(state):
        return
    if state.archived:
        raise CustomerArchived
    raise InvalidTransition(action.value, str(state), (each.value for each in allowed(state)))


ADDRESS_PARTS = ("building", "street", "city", "state", "postcode", "country")


def with_billing(changes: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """The changes with what they mean for the billing address, which always holds the one to use.

    Own parts of a billing address end `billing_same`; while that holds, the main address is copied.
    """
    told = {"billing_same": False, **changes} if _has_own_billing(changes) else dict(changes)
    after = {**current, **told}
    if not after.get("billing_same", True):
        return told
    copied = {f"billing_{part}": after.get(f"address_{part}") for part in ADDRESS_PARTS}
    return told | copied


def contradictions(changes: Mapping[str, Any], current: Mapping[str, Any]) -> list[Problem]:
    """What does not fit together in a customer's fields after the changes; `current` is empty for a new one."""
    after = {**current, **changes}
    return [*_contract_problems(after), *_discount_problems(after), *_billing_problems(changes)]


def _contract_problems(values: Mapping[str, Any]) -> list[Problem]:
    start, end, review = (values.get(f"contract_{name}") for name in ("start", "end", "review"))
    problems = []
    if start and end and end < start:
        message = "A contract cannot end before it starts."
        problems.append(Problem(("contractEnd",), "CONTRACT_ENDS_BEFORE_START", message))
    if review and ((start and review < start) or (end and review > end)):
        message = "The review must lie within the contract, from its start to its end."
        problems.append(Problem(("contractReview",), "REVIEW_OUTSIDE_CONTRACT", message))
    return problems


def _discount_problems(values: Mapping[str, Any]) -> list[Problem]:
    if values.get("discount_percent") is None or values.get("discount_amount") is None:
        return []
    message = "A discount is either a percentage or an amount, not both."
    return [Problem(("discount",), "TWO_DISCOUNTS", message)]


def _billing_problems(changes: Mapping[str, Any]) -> list[Problem]:
    if not (changes.get("billing_same") and _has_own_billing(changes)):
        return []
    message = "Leave the billing address out, or say that it is not the main one (billingSame: false)."
    return [Problem(("billingSame",), "BILLING_ADDRESS_IS_MAIN", message)]


def _has_own_billing(changes: Mapping[str, Any]) -> bool:
    return any(changes.get(f"billing_{part}") is not None for part in ADDRESS_PARTS)
