"""The tables of dimensions: whole, and about columns that are there."""

from enum import StrEnum
from zoneinfo import available_timezones

import pytest
from tortoise import Model
from tortoise.connection import get_connection
from tortoise.query_utils import expand_lookup_expression

from crm.accounts.rules import time_zone_problems
from crm.activities.models import Activity
from crm.analytics.rules import (
    ACTIVITIES,
    CUSTOMERS,
    INVOICES,
    ActivityDimension,
    CustomerDimension,
    InvoiceDimension,
    Subject,
    key_column,
)
from crm.customers.models import Customer
from crm.invoices.models import Invoice

TABLES = [
    (CUSTOMERS, CustomerDimension, Customer),
    (INVOICES, InvoiceDimension, Invoice),
    (ACTIVITIES, ActivityDimension, Activity),
]


@pytest.mark.parametrize(("subject", "fields", "model"), TABLES)
def test_every_dimension_has_its_row(
    subject: Subject, fields: type[StrEnum], model: type[Model], db: None
) -> None:
    assert list(subject.dimensions) == list(fields)
    columns = [each for dimension in subject.dimensions.values() for each in dimension.columns]
    columns += [measure.column for measure in subject.measures.values()]
    assert all(expand_lookup_expression(model, column) for column in columns)


@pytest.mark.parametrize(("subject", "fields", "model"), TABLES)
async def test_no_key_is_named_like_a_column(
    subject: Subject, fields: type[StrEnum], model: type[Model], db: None
) -> None:
    """PostgreSQL would group by the column instead."""
    rows = await get_connection("default").execute_query_dict(
        "select distinct column_name as name from information_schema.columns where table_schema = 'public'"
    )

    assert not {key_column(field) for field in fields} & {row["name"] for row in rows}


async def test_postgresql_knows_every_time_zone_that_is_admitted(db: None) -> None:
    rows = await get_connection("default").execute_query_dict("select name from pg_timezone_names")
    known = {row["name"] for row in rows}

    admitted = {zone for zone in available_timezones() if not list(time_zone_problems(zone))}
    assert admitted - known == set()
