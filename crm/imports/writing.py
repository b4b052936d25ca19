"""A chunk's changes into the tables: COPY for what is new, one UPDATE from a staging table for what changed."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any
from uuid import UUID

from crm.customers.models import Consent, Status
from crm.imports import copy_text
from crm.imports.cells import CellProblem
from crm.imports.creation import PERSON, Creation, contact_text
from crm.imports.deciding import UNIQUE_COLUMNS, Changes, Person, Target
from crm.imports.plan import ImportPlan
from crm.kernel.actor import Actor
from crm.kernel.transaction import raw_connection

Record = tuple[Any, ...]

_LINES_AT_ONCE = 250
_by_id = attrgetter("id.bytes")


async def write(changes: Changes, plan: ImportPlan, actor: Actor) -> None:
    """Everything the rows came to; inside the chunk's transaction."""
    await _update_customers(list(changes.updated.values()), actor)
    created = sorted(changes.created, key=_by_id)
    await _insert_customers(created, plan, actor)
    await _write_contacts([*created, *changes.updated.values()], actor)
    await _write_invoice_types(changes, plan)
    await _write_history(changes, plan, actor)
    await _write_account(changes, plan.import_id)


async def _copy(table: str, columns: Sequence[str], records: Sequence[Record]) -> None:
    if records:
        await raw_connection().copy_records_to_table(table, columns=columns, records=records)


async def _copy_lines(table: str, columns: Sequence[str], lines: Iterator[str]) -> None:
    """Of COPY's text format, each with its end."""
    if first := _piece(lines):
        await raw_connection().copy_to_table(table, columns=columns, source=_pieces(first, lines))


async def _pieces(first: bytes, lines: Iterator[str]) -> AsyncIterator[bytes]:
    """Small ones: blocks of megabytes, taken and given back over and over, leave holes in memory."""
    piece = first
    while piece:
        yield piece
        piece = _piece(lines)


def _piece(lines: Iterator[str]) -> bytes:
    return "".join(islice(lines, _LINES_AT_ONCE)).encode()


async def _insert_customers(created: Sequence[Target], plan: ImportPlan, actor: Actor) -> None:
    creation = Creation(plan)
    same = copy_text.fields((plan.unit_id, Status.PROSPECT, actor.user_id, actor.user_id))
    fixed = ("id", "version", "unit_id", "status", "created_by_id", "updated_by_id")
    lines = (f"{t.id}\t{t.rows + 1}\t{same}\t{t.text or _customer(t, creation)}\n" for t in created)
    await _copy_lines("customer", (*fixed, *creation.columns), lines)


def _customer(target: Target, creation: Creation) -> str:
    return creation.customer(target.values, map(_contact, target.contacts.values()))


def _contact(person: Person) -> str:
    return person.text or contact_text(person.values)


async def _update_customers(updated: Sequence[Target], actor: Actor) -> None:
    targets = [target for target in updated if target.rows]
    if not targets:
        return
    columns = sorted({column for target in targets for column in target.changed} - {"invoice_type_ids"})
    await _give_up_numbers(targets)
    connection = raw_connection()
    staged = ", ".join(("id", "version", *columns))
    await connection.execute(
        f"create temporary table import_stage on commit drop as select {staged} from customer with no data"  # noqa: S608
    )
    records = await _staged(targets, columns)
    await _copy("import_stage", ("id", "version", *columns), records)
    sets = "".join(f"{column} = s.{column}, " for column in columns)
    await connection.execute(
        f"update customer c set {sets}version = c.version + s.version, updated_at = now(), updated_by_id = $1"  # noqa: S608
        " from import_stage s where c.id = s.id",
        actor.user_id,
    )


async def _give_up_numbers(targets: Sequence[Target]) -> None:
    """Frees unique values that change, so that customers may swap them; the ids stand in for a moment."""
    for column in UNIQUE_COLUMNS:
        ids = [target.id for target in targets if column in target.changed]
        if ids:
            sql = (
                f"update customer set {column} = id::text where id = any($1::uuid[]) and {column} is not null"  # noqa: S608
            )
            await raw_connection().execute(sql, ids)


async def _staged(targets: Sequence[Target], columns: Sequence[str]) -> list[Record]:
    """The new values; `version` counts the rows that changed a customer. What no row changed keeps its value."""
    fetched = [column for column in columns if any(column not in target.values for target in targets)]
    kept: dict[UUID, Any] = {}
    if fetched:
        sql = f"select id, {', '.join(fetched)} from customer where id = any($1::uuid[])"  # noqa: S608
        kept = {row["id"]: row for row in await raw_connection().fetch(sql, [t.id for t in targets])}
    return [
        (
            t.id,
            t.rows,
            *[t.values[name] if name in t.values else kept[t.id][name] for name in columns],
        )
        for t in targets
    ]


async def _write_contacts(targets: Iterable[Target], actor: Actor) -> None:
    same = copy_text.fields((Consent.UNKNOWN, actor.user_id))
    people = [(target.id, person) for target in targets for person in target.contacts.values()]
    added = (
        f"{person.id}\t{customer}\t{_contact(person)}\t{'t' if person.is_primary else 'f'}\t{person.rows + 1}\t{same}\n"
        for customer, person in people
        if person.is_new
    )
    columns = ("id", "customer_id", *PERSON, "is_primary", "version", "consent", "created_by_id")
    await _copy_lines("contact", columns, added)
    changed = [person for _, person in people if person.rows and not person.is_new]
    if changed:
        await _update_contacts(changed)


async def _update_contacts(people: Sequence[Person]) -> None:
    columns = [
        [person.values[name] for person in people] for name in ("name", "phone", "title", "department")
    ]
    await raw_connection().execute(
        "update contact c set name = n.name, phone = n.phone, title = n.title, department = n.department,"
        " version = c.version + n.rows, updated_at = now()"
        " from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[])"
        " as n (id, rows, name, phone, title, department) where c.id = n.id",
        [person.id for person in people],
        [person.rows for person in people],
        *columns,
    )


async def _write_invoice_types(changes: Changes, plan: ImportPlan) -> None:
    if "invoice_type_ids" not in plan.mapped:
        return
    touched = [t for t in changes.updated.values() if "invoice_type_ids" in t.changed]
    await raw_connection().execute(
        "delete from customer_invoice_type where customer_id = any($1::uuid[])", [t.id for t in touched]
    )
    records = [
        (target.id, item)
        for target in (*changes.created, *touched)
        for item in target.values.get("invoice_type_ids", ())
    ]
    await _copy("customer_invoice_type", ("customer_id", "picklistitem_id"), records)


async def _write_history(changes: Changes, plan: ImportPlan, actor: Actor) -> None:
    said = copy_text.fields((plan.unit_id, actor.user_id, actor.name, actor.via))
    lines = (
        f"{kind}\t{subject}\t{customer}\t{action}\t{told}\t{said}\n"
        for kind, subject, customer, action, told in changes.changelog.entries
    )
    columns = ("subject_kind", "subject_id", "customer_id", "action", "changes")
    await _copy_lines("history_entry", (*columns, "unit_id", "user_id", "actor_name", "via"), lines)


async def _write_account(changes: Changes, import_id: UUID) -> None:
    if changes.outcomes:
        lines, outcomes, customers = zip(*changes.outcomes, strict=True)
        accepted = (import_id, lines, outcomes, customers)
        await _copy("imported_rows", ("run_id", "lines", "outcomes", "customer_ids"), [accepted])
    rejected = [(import_id, line, cells) for line, cells in changes.rejected]
    await _copy("import_rejected_row", ("run_id", "line", "cells"), rejected)
    await write_problems(changes.problems, import_id)


async def write_problems(problems: Iterable[tuple[int, CellProblem, bool]], import_id: UUID) -> None:
    await _copy(
        "import_problem",
        ("run_id", "line", "fatal", "column", "value", "code", "message"),
        [(import_id, line, fatal, *_problem(found)) for line, found, fatal in problems],
    )


def _problem(found: CellProblem) -> tuple[str | None, str | None, str, str]:
    value = found.value.replace("\0", "\ufffd") if found.value else None
    return found.column, value, str(found.code), found.message
