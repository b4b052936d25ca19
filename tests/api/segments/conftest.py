"""A unit with a manager."""

import pytest
from factories import (
    Person,
    make_unit,
    make_user,
)

from crm.accounts.models import BusinessUnit
from crm.kernel.actor import Role


@pytest.fixture
async def unit() -> BusinessUnit:
    return await make_unit(name="North")


@pytest.fixture
async def manager(unit: BusinessUnit) -> Person:
    return await make_user(Role.MANAGER, [unit])
