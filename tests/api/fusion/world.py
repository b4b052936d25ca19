"""The world that operations are drawn for: filled once, kept, and put back before each test that wants it."""

import base64
import io
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import asyncpg
from tortoise import Model, Tortoise, fields
from tortoise.connection import get_connection

from crm.accounts.models import Login
from crm.customers.models import Customer
from crm.invoices.models import Invoice
from crm.kernel.clock import iso
from crm.kernel.database import credentials
from crm.kernel.ids import Kind, uuid7
from tests.api.fusion.world_rows import FAR, NAMES, TEXTS, World, make_world

__all__ = ["ABSENT_IDS", "BAD_CURSORS", "BAD_IDS", "BAD_VALUES", "SEARCHES", "KeptWorld", "World"]

ABSENT_IDS = tuple(
    f"{kind.value}_{uuid7().hex}" for kind in (Kind.CUSTOMER, Kind.INVOICE, Kind.USER, Kind.FILE)
)
BAD_IDS = ("", "cus_", "cus_1", "nonsense", "CUS_" + "0" * 32, "usr_" + "F" * 32, "cus_" + "0" * 32, "é_'\\")
SEARCHES = (
    *(
        "ada",
        "Bar",
        "a",
        "",
        " ",
        "%",
        "_",
        "\\",
        "'",
        "100 %",
        "ünï",
        "東京",
        "🦄",
        "o'ffice1@cust.example",
        "unicron",
    ),
    *(
        "+49 30 1",
        "4930",
        "+49 (0)30 0123",
        "030-123",
        "ada bar",
        "grill ada zzz",
        "INV-2026",
        "po_1",
        "gold",
        "Rule",
        "x\u0000y",
        "{0}",
    ),
    *("one", "{table}", "%s $1", "a b c d e f g h i j"),
)


def _cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


BAD_CURSORS = (
    "",
    "x",
    "e30",
    "W10",
    _cursor("name,id", "a"),
    _cursor("name,id", 5, str(uuid7())),
    _cursor("name,id", None, str(uuid7())),
    _cursor("name,id", "Ada", "zero"),
    _cursor("name,id", "\0", str(uuid7())),
    _cursor("-created_at,-id", "2026-03-01", str(uuid7())),
    _cursor("-created_at,-id", "9999-99-99", str(uuid7())),
    _cursor("-occurred_at,-id", "2026-03-01T12:30:00.120000+02:00", str(uuid7())),
    _cursor("position,name,id", 1e30, "a", str(uuid7())),
    _cursor("position,name,id", True, "a", str(uuid7())),
    _cursor("-is_primary,name,id", "true", "a", str(uuid7())),
    _cursor("line,id", 2**40, str(uuid7())),
)
BAD_VALUES: Mapping[str, tuple[Any, ...]] = {
    "String": ("a\0b", "x" * 400, "$1", "\ue000"),
    "Decimal": ("abc", "1e29", "NaN", True, "-0", "1e-20"),
    "Int": (2**31 - 1, -(2**31), 10**6),
    "Date": ("2026-02-30", "0001-01-01", "9999-12-31", "yesterday"),
    "DateTime": ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2026-03-01T10:30", "now"),
}

_TABLES = """
select c.table_name, array_agg(c.column_name::text order by c.ordinal_position) as columns
  from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
 where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.is_generated = 'NEVER'
   and c.table_name <> 'tortoise_migrations'
 group by 1
"""


class KeptWorld:
    """A world with its rows as PostgreSQL's COPY writes them."""

    def __init__(self, world: World, tables: dict[str, tuple[list[str], bytes]]) -> None:
        self.world = world
        self._tables = tables

    @classmethod
    async def made(cls, database: str) -> "KeptWorld":
        world = await make_world()
        del world.viewers["colleague"]  # may not log in
        await Login.all().update(access_expires_at=FAR)
        await _gather(world)
        connection = await asyncpg.connect(**credentials(database))
        # So that searches walk before they look, as they do among very many.
        await connection.execute("analyze customer; select kith_count_common(1)")
        tables = {}
        for name, columns in await connection.fetch(_TABLES):
            kept = io.BytesIO()
            await connection.copy_from_table(name, columns=columns, output=kept)
            if kept.tell():
                tables[name] = (columns, kept.getvalue())
        await connection.close()
        return cls(world, tables)

    async def put_back(self, database: str) -> None:
        connection = await asyncpg.connect(**credentials(database))
        await connection.execute("set session_replication_role = replica")
        for name, (columns, rows) in self._tables.items():
            await connection.copy_to_table(name, columns=columns, source=io.BytesIO(rows))
        await connection.close()


async def _gather(world: World) -> None:
    world.ids = await _ids()
    world.rows = {"Customer": await Customer.all(), "Invoice": await Invoice.all()}
    world.samples = await _samples()


async def _ids() -> dict[str, list[str]]:
    """The ids of all that has one, by kind."""
    models = {
        "act": "activity",
        "tok": "api_token",
        "unit": "business_unit",
        "con": "contact",
        "cus": "customer",
        "dlv": "delivery",
        "tpl": "email_template",
        "his": "history_entry",
        "imp": "import",
        "inv": "invoice",
        "inl": "invoice_line",
        "job": "outbox",
        "ent": "legal_entity",
        "ser": "number_series",
        "pay": "payment",
        "pli": "pick_list_item",
        "seg": "segment",
        "mem": "segment_membership",
        "usr": "staff_user",
    }
    database = get_connection("default")
    found = {}
    for kind, table in models.items():
        rows = await database.execute_query_dict(f'select id from "{table}" order by id limit 40')  # noqa: S608
        found[kind] = [f"{kind}_{row['id'].hex}" for row in rows]
    return found


_GRAPHQL = {
    fields.CharField: "String",
    fields.TextField: "String",
    fields.DecimalField: "Decimal",
    fields.DateField: "Date",
    fields.DatetimeField: "DateTime",
    fields.IntField: "Int",
    fields.SmallIntField: "Int",
}
_OTHER_NAMES = {
    "address_country": "country",
    "address_city": "city",
    "address_state": "state",
    "address_postcode": "postcode",
}


async def _samples() -> dict[str, list[Any]]:
    """Values that columns hold, by GraphQL type and by type and name; and some that none holds."""
    found: dict[str, list[Any]] = {
        "String": ["a", *NAMES, *TEXTS, "EUR", "de-CH", "vip", "it's"],
        "Decimal": ["0", "1000.2555", "1234.5678", "12.5", "-1", 100, 1.5],
        "Date": ["2026-01-01", "2026-02-05", "2028-09-27"],
        "DateTime": ["2026-03-01T09:30:00+00:00", "2026-03-01T12:30:00.120000+02:00", "2026-03-02T00:00:00Z"],
        "Int": [0, 1, 2, 14, 50, 100],
    }
    for name in ("Customer", "Contact", "Activity", "Invoice", "Segment"):
        model: type[Model] = Tortoise.apps["crm"][name]  # type: ignore[index]
        for row in await model.all().order_by("id").limit(16):
            for column, described in model._meta.fields_map.items():  # noqa: SLF001
                kind = _GRAPHQL.get(type(described))
                value = getattr(row, column) if kind else None
                if kind and value is not None and not isinstance(value, Enum):
                    found.setdefault(f"{kind}.{_camel(column)}", []).append(_json(value))
    found["String.tags"] = ["vip", "it's", 'q"', "a,b", "\\", "NULL", "🦄", "{}", "none"]
    found["String.timeZone"] = ["UTC", "Europe/Berlin", "Asia/Tokyo", "Mars/Olympus"]
    return found


def _camel(column: str) -> str:
    first, *rest = _OTHER_NAMES.get(column, column).removesuffix("_total").split("_")
    return first + "".join(part.title() for part in rest)


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return iso(value)
        case date():
            return value.isoformat()
        case Decimal():
            return str(value)
    return value
