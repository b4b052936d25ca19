"""Walking a list by cursors meets every row exactly once, in order, whatever the order and the nulls."""

from itertools import product
from typing import Any

import pytest
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from crm.accounts.models import BusinessUnit
from crm.customers.models import Customer
from crm.kernel import paging
from crm.kernel.errors import InvalidInput
from crm.kernel.filtering import opposite

ORDERS = [
    ("name",),
    ("-name",),
    ("contract_value", "-created_at"),
    ("-contract_value", "name"),
    ("-contract_start",),
]


async def _customers() -> None:
    unit = await BusinessUnit.create(name="North")
    for number in range(17):
        await Customer.create(
            unit=unit,
            name=f"Customer {number % 5}",
            email=f"c{number}@example.com",
            contract_value=None if number % 3 == 0 else number % 4,
            contract_start=None if number % 2 else "2026-01-01",
        )


async def _walk(everything: QuerySet[Customer], *, size: int, backward: bool) -> list[Customer]:
    order = paging.order_of(everything)
    arguments = paging.reversed_order(order) if backward else paging.forward_order(order)
    found: list[Customer] = []
    page = await everything.order_by(*arguments).limit(size)
    while page:
        found += page
        cursor = paging.encode_cursor(page[-1], order)
        values = paging.decode_cursor(everything, order, cursor, "after")
        beyond = paging.beyond(order, values, backward=backward)
        page = await everything.filter(beyond).order_by(*arguments).limit(size)
    return found


@pytest.mark.parametrize(("order", "backward"), list(product(ORDERS, [False, True])))
async def test_a_walk_by_cursors_meets_every_row_once_in_order(
    db: None, order: tuple[str, ...], backward: bool
) -> None:
    await _customers()
    everything = Customer.all().order_by(*order)
    whole = paging.order_of(everything)
    straight = await Customer.all().order_by(*paging.forward_order(whole))

    walked = await _walk(everything, size=3, backward=backward)

    expected = [c.id for c in straight]
    assert [c.id for c in walked] == (expected[::-1] if backward else expected)


async def test_a_cursor_of_another_order_is_refused(db: None) -> None:
    await _customers()
    by_name, by_date = Customer.all().order_by("name"), Customer.all().order_by("created_at")
    row = await by_name.first()
    assert row is not None
    cursor = paging.encode_cursor(row, paging.order_of(by_name))

    with pytest.raises(InvalidInput) as refusal:
        paging.decode_cursor(by_date, paging.order_of(by_date), cursor, "after")

    assert refusal.value.problems[0].code == "INVALID_CURSOR"


class _Sooner(Q):
    """Finds all, and for the first page of three those of one name."""

    def __init__(self) -> None:
        super().__init__(version=1)

    def next_rows(self, place: list[Any] | None, size: int) -> Q:
        return Q(name="Customer 2") if (place, size) == (None, 3) else self


@pytest.mark.parametrize(
    ("condition", "sooner"),
    [
        (_Sooner(), True),
        (Q(_Sooner(), Q(version=1)), True),
        (Q(Q(_Sooner()), version=1), True),
        (~Q(~Q(_Sooner())), False),
        (Q(_Sooner(), Q(version=2), join_type=Q.OR), False),
        (opposite(opposite(_Sooner())), False),
    ],
)
async def test_only_a_condition_that_holds_of_all_rows_is_exchanged(
    db: None, condition: Q, *, sooner: bool
) -> None:
    await _customers()
    everything = Customer.filter(condition).order_by("name")

    first = await paging.next_rows(everything, None, 3)

    assert {customer.name for customer in first} == (
        {"Customer 2"} if sooner else {f"Customer {n}" for n in range(5)}
    )
    assert await paging.next_rows(everything, ["Customer 1"], 3) == await everything
