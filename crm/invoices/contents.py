"""What a draft contains: its lines as they come in, added up, and as rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crm.invoices.lines import Discount, LineInput, TaxCategory, problems_of
from crm.invoices.models import Invoice, InvoiceLine, InvoiceTax
from crm.invoices.totals import Totals, totals_of
from crm.kernel.errors import Problem
from crm.kernel.fields import refuse
from crm.kernel.values import InvalidCode, InvalidValue, parse_multiline


@dataclass(frozen=True, slots=True)
class LineDraft:
    """A line as a person writes it. `unit` is of UN/ECE Recommendation 20.

    Without a rate or a category the customer's default tax rate holds; a rate above 0 is category S.
    """

    description: str
    quantity: Decimal
    unit_price: Decimal
    unit: str = "C62"
    discount: Discount | None = None
    tax_rate: Decimal | None = None
    tax_category: TaxCategory | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    lines: tuple[LineInput, ...]
    discount: Discount | None
    totals: Totals


def add_up(
    drafts: Sequence[LineDraft],
    *,
    currency: str | None,
    discount: Discount | None,
    default_rate: Decimal | None,
    problems: Iterable[Problem] = (),
) -> Contents:
    """The lines with their totals. Raises InvalidInput with everything wrong, the given problems among it.

    `currency` None: there is none to add up in, which one of the problems says.
    """
    found = [*problems]
    lines = tuple(_line(draft, place, default_rate, found) for place, draft in enumerate(drafts))
    if currency is not None:
        found += problems_of(lines, currency=currency, discount=discount)
    refuse(found)
    totals = totals_of(lines, currency=currency or "", discount=discount)
    return Contents(lines, discount, totals)


def _line(draft: LineDraft, place: int, default_rate: Decimal | None, problems: list[Problem]) -> LineInput:
    path = ("lines", str(place))
    category, rate = _tax(draft, default_rate)
    if rate is None:
        sentence = "taxRate is empty, and the customer has no default: fill it in."
        problems.append(Problem((*path, "taxRate"), "REQUIRED", sentence))
        category, rate = TaxCategory.ZERO_RATED, Decimal(0)
    return LineInput(
        description=_description(draft.description, (*path, "description"), problems),
        quantity=draft.quantity,
        unit_price=draft.unit_price,
        tax_rate=rate,
        tax_category=category,
        unit=draft.unit.strip().upper(),
        discount=draft.discount,
    )


def _tax(draft: LineDraft, default_rate: Decimal | None) -> tuple[TaxCategory, Decimal | None]:
    category = draft.tax_category or TaxCategory.STANDARD
    if draft.tax_rate is None and category is not TaxCategory.STANDARD:
        return category, Decimal(0)
    return category, draft.tax_rate if draft.tax_rate is not None else default_rate


def _description(text: str, path: tuple[str, ...], problems: list[Problem]) -> str:
    """The text as it is kept. What is blank or too long is found with the other rules of lines."""
    try:
        return parse_multiline(text)
    except InvalidValue as error:
        if error.code is InvalidCode.CONTROL_CHARACTERS:
            problems.append(Problem(path, error.code.value, error.message))
        return text.strip()


def put_totals(invoice: Invoice, contents: Contents) -> None:
    """Set the invoice's discount and amounts, without saving."""
    totals = contents.totals
    invoice.discount_percent = contents.discount.percent if contents.discount else None
    invoice.discount_amount = contents.discount.amount if contents.discount else None
    invoice.lines_total, invoice.discount_total = totals.lines_net, totals.discount
    invoice.net_total, invoice.tax_total = totals.net, totals.tax
    invoice.gross_total = invoice.due_total = totals.gross


async def write_rows(invoice: Invoice, contents: Contents) -> None:
    """The draft's lines and taxes, in the place of any it had."""
    await InvoiceLine.filter(invoice_id=invoice.id).delete()
    await InvoiceTax.filter(invoice_id=invoice.id).delete()
    await InvoiceLine.bulk_create(list(_line_rows(invoice, contents)))
    await InvoiceTax.bulk_create(
        [
            InvoiceTax(
                invoice_id=invoice.id,
                category=group.category,
                rate=group.rate,
                currency=invoice.currency,
                base=group.base,
                tax=group.tax,
            )
            for group in contents.totals.groups
        ]
    )


def _line_rows(invoice: Invoice, contents: Contents) -> Iterable[InvoiceLine]:
    pairs = zip(contents.lines, contents.totals.lines, strict=True)
    for position, (line, total) in enumerate(pairs, start=1):
        yield InvoiceLine(
            invoice_id=invoice.id,
            position=position,
            description=line.description,
            quantity=line.quantity,
            unit_code=line.unit,
            unit_price=line.unit_price,
            discount_percent=line.discount.percent if line.discount else None,
            discount_amount=line.discount.amount if line.discount else None,
            tax_category=line.tax_category,
            tax_rate=line.tax_rate,
            currency=invoice.currency,
            discount_total=total.discount,
            net=total.net,
        )


def draft_of(row: InvoiceLine) -> LineDraft:
    """The line as it could be written again."""
    return LineDraft(
        description=row.description,
        quantity=row.quantity,
        unit_price=row.unit_price,
        unit=row.unit_code,
        discount=discount_of(row),
        tax_rate=row.tax_rate,
        tax_category=row.tax_category,
    )


def discount_of(row: Invoice | InvoiceLine) -> Discount | None:
    if row.discount_percent is None and row.discount_amount is None:
        return None
    return Discount(percent=row.discount_percent, amount=row.discount_amount)


_SAID = ("description", "quantity", "unit_code", "unit_price", "tax_category", "tax_rate", "net")


def described(rows: Iterable[InvoiceLine]) -> dict[str, Any]:
    """Lines as history compares them: `lines.3` is the third."""
    return {f"lines.{row.position}": {name: getattr(row, name) for name in _SAID} for row in rows}
