"""A customer of a unit with an agent who may change it."""

import pytest
from factories import (
    Person,
    make_customer,
    make_unit,
    make_user,
)

from crm.accounts.models import BusinessUnit
from crm.customers.models import Customer
from crm.kernel.actor import Role


@pytest.fixture
async def unit() -> BusinessUnit:
    return await make_unit()


@pytest.fixture
async def agent(unit: BusinessUnit) -> Person:
    return await make_user(Role.AGENT, [unit])


@pytest.fixture
async def customer(unit: BusinessUnit) -> Customer:
    return await make_customer(unit=unit, name="Zeta", address_country="DE")
