"""Giving out invoice numbers: one after the other, without gaps, in the order of the dates of issue."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from tortoise.connection import get_connection

from crm.invoices.errors import NoNumberSeries
from crm.invoices.models import DocumentKind, Invoice, LegalEntity, NumberSeries
from crm.invoices.numbering import format_number, parse_pattern
from crm.kernel.errors import InvalidInput
from crm.kernel.ids import uuid7

_TODAY = "select (clock_timestamp() at time zone $1)::date as today"
_TAKE = """
insert into number_counter (id, series_id, year, next_seq) values ($1, $2, $3, 2)
on conflict (series_id, year) do update set next_seq = number_counter.next_seq + 1
returning next_seq - 1 as taken
"""


@dataclass(frozen=True, slots=True)
class IssuedNumber:
    number: str
    year: int
    sequence: int
    issued_on: date


async def take_number(entity: LegalEntity, *, issued_on: date | None) -> IssuedNumber:
    """The entity's next invoice number, for an invoice of that day, or of today where the entity is.

    The series stays locked until the open transaction ends: whoever comes next waits, and gets this number if
    it rolls back. Raises InvalidInput for a day in the future, or before that of the last invoice issued;
    NoNumberSeries.
    """
    series = (
        await NumberSeries.filter(legal_entity_id=entity.id, kind=DocumentKind.INVOICE)
        .select_for_update(no_key=True)
        .get_or_none()
    )
    if series is None:
        raise NoNumberSeries
    day = await _day(entity, issued_on)
    taken = (await _rows(_TAKE, uuid7(), series.id, day.year))[0]["taken"]
    pattern = parse_pattern(series.pattern)
    number = format_number(pattern, sequence=taken, issued_on=day, entity_code=entity.code or "")
    return IssuedNumber(number, day.year, taken, day)


async def _day(entity: LegalEntity, wanted: date | None) -> date:
    """By the database's clock, read after the lock: whoever gets a later number never gets an earlier day."""
    today: date = (await _rows(_TODAY, entity.time_zone))[0]["today"]
    issued = Invoice.filter(legal_entity_id=entity.id, number__isnull=False)
    last = await issued.order_by("-number_year", "-number_seq").first()
    latest = last.issue_date if last else None
    if wanted is None:
        return max(today, latest or today)  # the entity may have moved to a time zone further west
    if wanted > today:
        raise InvalidInput.one("An invoice is not issued before its day.", "issueDate", code="IN_THE_FUTURE")
    if latest and wanted < latest:
        sentence = f"Numbers follow the dates of issue, and the last invoice is of {latest}: take that day or a later one."
        raise InvalidInput.one(sentence, "issueDate", code="BEFORE_LAST_ISSUED")
    return wanted


async def _rows(sql: str, *values: object) -> list[dict[str, Any]]:
    return await get_connection("default").execute_query_dict(sql, list(values))
