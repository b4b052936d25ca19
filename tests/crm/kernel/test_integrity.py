"""A broken constraint becomes the error its name stands for, and the transaction goes on."""

from collections.abc import Mapping

import pytest
from tortoise.exceptions import IntegrityError

from crm.accounts.models import BusinessUnit
from crm.kernel.errors import RuleViolation
from crm.kernel.integrity import Refusal, constraint_of, refusing
from crm.kernel.transaction import raw_connection, transaction

pytestmark = pytest.mark.usefixtures("db")


def taken() -> RuleViolation:
    return RuleViolation("taken")


async def open_unit(*names: str, refusals: Mapping[str, Refusal]) -> None:
    async with refusing(refusals):
        for name in names:
            await BusinessUnit.create(name=name)


async def test_a_named_constraint_raises_its_own_error_which_may_still_read() -> None:
    await BusinessUnit.create(name="North")

    async def counted() -> RuleViolation:
        return RuleViolation(f"{await BusinessUnit.all().count()} there")

    async with transaction():
        await BusinessUnit.create(name="South")
        with pytest.raises(RuleViolation, match="2 there"):
            await open_unit("West", "NORTH", refusals={"business_unit_name": counted})
        await BusinessUnit.create(name="East")

    assert await BusinessUnit.all().order_by("name").values_list("name", flat=True) == [
        "East",
        "North",
        "South",
    ]


async def test_a_statement_past_the_orm_is_translated_alike() -> None:
    await BusinessUnit.create(name="North")

    async def past_the_orm() -> None:
        async with transaction(), refusing({"business_unit_name": taken}):
            await raw_connection().execute(
                "insert into business_unit (name, time_zone, version) values ('north', 'UTC', 1)"
            )

    with pytest.raises(RuleViolation, match="taken"):
        await past_the_orm()

    assert await BusinessUnit.all().count() == 1


async def test_other_violations_and_errors_pass_through() -> None:
    await BusinessUnit.create(name="North")

    async def fail() -> None:
        async with refusing({"business_unit_name": taken}):
            await BusinessUnit.create(name="South")
            raise LookupError

    async with transaction():
        with pytest.raises(IntegrityError) as violation:
            await open_unit("North", refusals={"staff_user_email": taken})
        with pytest.raises(LookupError):
            await fail()

    assert constraint_of(violation.value) == "business_unit_name"
    assert constraint_of(LookupError()) is None
    assert await BusinessUnit.all().count() == 1


async def test_what_went_well_is_kept() -> None:
    async with transaction():
        await open_unit("North", refusals={"business_unit_name": taken})

    assert await BusinessUnit.all().count() == 1
