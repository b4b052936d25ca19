"""What changed is named alike by a statement and by Python."""

import pytest
from tortoise.connection import get_connection

from api.audit.types import _CAMEL, _camel

NAMES = [
    "name",
    "address_city",
    "payment.method",
    "payment.paid_on",
    "line.unit_price_net",
    "",
    "x_y.z_a",
    "vat_id",
]


@pytest.mark.parametrize("name", NAMES)
async def test_a_field_is_named_by_a_statement_as_by_python(db: None, name: str) -> None:
    (row,) = await get_connection("default").execute_query_dict(
        f"select {_CAMEL.format('$1::text')} as name", [name]
    )

    assert row["name"] == _camel(name)


def test_names_are_in_camel_case() -> None:
    assert _camel("payment.paid_on") == "payment.paidOn"
