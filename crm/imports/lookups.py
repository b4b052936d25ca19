"""What the database holds of a chunk's keys, in one statement per question. Inside the chunk's transaction."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from crm.customers.fields import CUSTOMER_FIELDS
from crm.customers.models import Status
from crm.imports.deciding import UNIQUE_COLUMNS, Known, Person, Target
from crm.imports.models import DuplicateRule
from crm.imports.plan import ImportPlan, ParsedRow
from crm.kernel.transaction import raw_connection

_COLUMNS = tuple(column for column in CUSTOMER_FIELDS if column != "invoice_type_ids")
# One descent of the right index for each value. OFFSET keeps the planner from joining in another way, and the unit
# is hidden from it in a subquery: knowing that a unit has no customers yet, it would take any index that begins with it.
_MATCH = """
select k.key, c.id, c.name from unnest($2::text[]) as k (key) cross join lateral (
  select c.id, c.name, c.created_at from customer c
   where c.unit_id = (select $1::uuid) and c.archived_at is null and {same} offset 0) c
 order by c.created_at, c.id
"""
_SAME = {"email": "c.sort_email = lower(k.key)"}
_OWNERS = """
select c.id, c.name, k.value from unnest($2::text[]) as k (value) cross join lateral (
  select c.id, c.name from customer c
   where c.unit_id = (select $1::uuid) and c.archived_at is null and c.{column} = k.value offset 0) c
"""
_LOCK = f"""
select c.id, c.status, {", ".join(f"c.{column}" for column in _COLUMNS)} from customer c
 where c.id = any($1::uuid[]) and c.archived_at is null order by c.id for no key update
"""  # noqa: S608  our own column names
_TYPES = """
select customer_id, array_agg(picklistitem_id order by picklistitem_id) as ids from customer_invoice_type
 where customer_id = any($1::uuid[]) group by customer_id
"""
_CONTACTS = """
select id, customer_id, name, email, phone, title, department, is_primary from contact
 where customer_id = any($1::uuid[]) order by is_primary desc, id
"""


async def look_up(rows: Sequence[ParsedRow], plan: ImportPlan, *, trusting: bool = False) -> Known:
    """Who has the rows' keys and unique values; customers that may be changed are locked, with all they have. A `trusting`
    chunk does not ask for the unique values.
    """
    known = Known()
    usable = [row.values for row in rows if not row.problems]
    for column in () if trusting else UNIQUE_COLUMNS:
        values = {found[column] for found in usable if column in found}
        if values:
            known.values[column] = values
            known.owners[column] = await _owners(column, values, plan.unit_id)
    if plan.duplicate_rule is DuplicateRule.CREATE_NEW:
        return known
    keys = {found[plan.key_column] for found in usable if plan.key_column in found}
    known.keys = {key.lower() for key in keys} if plan.key_column == "email" else keys
    if known.keys:
        found_by_key = await _matches(known.keys, plan)
        known.matches = await _locked(found_by_key, plan)
    met = {target.id: target for targets in known.matches.values() for target in targets}
    for owned in known.owners.values():
        owned.update({value: met[owner.id] for value, owner in owned.items() if owner.id in met})
    return known


async def _owners(column: str, values: Iterable[str], unit_id: UUID) -> dict[str, Target]:
    rows = await raw_connection().fetch(_OWNERS.format(column=column), unit_id, list(values))
    return {row["value"]: Target(row["id"], {"name": row["name"], column: row["value"]}) for row in rows}


async def _matches(keys: Iterable[str], plan: ImportPlan) -> dict[str, list[Target]]:
    """The customers by key, the oldest first."""
    same = _SAME.get(plan.key_column, f"c.{plan.key_column} = k.key")
    rows = await raw_connection().fetch(_MATCH.format(same=same), plan.unit_id, list(keys))
    found: dict[str, list[Target]] = {}
    for row in rows:
        found.setdefault(row["key"], []).append(Target(row["id"], {"name": row["name"]}))
    return found


async def _locked(found: dict[str, list[Target]], plan: ImportPlan) -> dict[str, list[Target]]:
    """For UPDATE: the same, with everything the customers hold; one archived meanwhile is no match."""
    if plan.duplicate_rule is not DuplicateRule.UPDATE or not found:
        return found
    ids = [target.id for targets in found.values() for target in targets]
    connection = raw_connection()
    targets = {row["id"]: _target(row) for row in await connection.fetch(_LOCK, ids)}
    if "invoice_type_ids" in plan.mapped:
        for target in targets.values():
            target.values["invoice_type_ids"] = []
        for row in await connection.fetch(_TYPES, ids):
            targets[row["customer_id"]].values["invoice_type_ids"] = row["ids"]
    if plan.cells.has_contact:
        for row in await connection.fetch(_CONTACTS, list(targets)):
            targets[row["customer_id"]].contacts[row["email"].lower()] = _contact(row)
    locked = {key: [targets[each.id] for each in made if each.id in targets] for key, made in found.items()}
    return {key: made for key, made in locked.items() if made}


def _target(row: asyncpg.Record) -> Target:
    values: dict[str, Any] = dict(row)
    return Target(values.pop("id"), values, status=Status(values.pop("status")))


def _contact(row: asyncpg.Record) -> Person:
    values = {name: row[name] for name in ("name", "email", "phone", "title", "department")}
    return Person(row["id"], values, row["is_primary"], is_new=False)
