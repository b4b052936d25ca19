"""Invoice lines as they come in, and everything that can be wrong with them. Pure.

Rules of EN 16931-1:2017 are cited as BR-…. Problems name fields as the API does: ("lines", "0", "unitPrice").
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum

from babel.numbers import list_currencies

from crm.kernel.errors import Problem
from crm.kernel.money import minor_digits

MOST_LINES = 1_000
LONGEST_DESCRIPTION = 5_000  # characters
FACTOR_DECIMALS = 6  # of quantities and unit prices
PERCENT_DECIMALS = 4  # of discounts and tax rates
FACTOR_LIMIT = Decimal(10) ** 12  # quantities and unit prices stay below, in magnitude
AMOUNT_LIMIT = Decimal(10) ** 14  # so does every amount of money, as stored

# Exact for the widest product let in: two factors of 12 + 6 digits and a percentage of 3 + 4.
PRECISION = 60

_UNIT_CODE = re.compile(r"[A-Z0-9]{2,3}")

Path = tuple[str, ...]


class TaxCategory(StrEnum):
    """UNCL5305 as far as EN 16931 admits it (BT-151), in the order in which documents list them."""

    STANDARD = "S"
    ZERO_RATED = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    INTRA_COMMUNITY = "K"
    EXPORT = "G"
    NOT_SUBJECT = "O"


@dataclass(frozen=True, slots=True)
class Discount:
    """A percentage (0 to 100) or an amount in the invoice's currency; exactly one of the two."""

    percent: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LineInput:
    """One line before it is added up. `unit` is a UN/ECE Recommendation 20 code, `tax_rate` a percentage.

    A negative quantity is a return; prices are never negative (BR-27).
    """

    description: str
    quantity: Decimal
    unit_price: Decimal
    tax_rate: Decimal
    tax_category: TaxCategory = TaxCategory.STANDARD
    unit: str = "C62"
    discount: Discount | None = None


def problems_of(
    lines: Sequence[LineInput], *, currency: str, discount: Discount | None = None
) -> tuple[Problem, ...]:
    """Everything wrong with the lines and the document discount, before they are added up."""
    if currency not in list_currencies():
        sentence = f"{currency!r} is not an ISO 4217 currency."
        return (Problem(("currency",), "INVALID_CURRENCY", sentence),)
    return (
        *_of_count(lines),
        *(problem for place, line in enumerate(lines) for problem in _of_line(line, place, currency)),
        *_of_mixture(lines),
        *(_of_discount(discount, ("discount",), currency) if discount else ()),
    )


def _of_count(lines: Sequence[LineInput]) -> Iterator[Problem]:
    if not lines:
        yield Problem(("lines",), "NO_LINES", "An invoice has at least one line.")  # BR-16
    if len(lines) > MOST_LINES:
        yield Problem(("lines",), "TOO_MANY_LINES", f"An invoice has at most {MOST_LINES} lines.")


def _of_line(line: LineInput, place: int, currency: str) -> Iterator[Problem]:
    path = ("lines", str(place))
    numbers = [
        *_of_number(line.quantity, (*path, "quantity"), decimals=FACTOR_DECIMALS, limit=FACTOR_LIMIT),
        *_of_price(line.unit_price, (*path, "unitPrice")),
    ]
    yield from _of_description(line.description, (*path, "description"))
    yield from _of_unit(line.unit, (*path, "unit"))
    yield from numbers
    yield from _of_tax(line.tax_category, line.tax_rate, (*path, "taxRate"))
    discounts = list(_of_discount(line.discount, (*path, "discount"), currency)) if line.discount else []
    yield from discounts
    if not numbers and not discounts:
        yield from _of_amounts(line, path)


def _of_description(text: str, path: Path) -> Iterator[Problem]:
    if not text.strip():
        yield Problem(path, "REQUIRED", "A line needs a description.")  # BR-25
    if len(text) > LONGEST_DESCRIPTION:
        yield Problem(path, "TOO_LONG", f"A description has at most {LONGEST_DESCRIPTION:,} characters.")


def _of_unit(code: str, path: Path) -> Iterator[Problem]:
    if not _UNIT_CODE.fullmatch(code):  # BR-23
        yield Problem(path, "INVALID_UNIT", "A unit is a UN/ECE Recommendation 20 code, such as C62 or HUR.")


def _of_price(price: Decimal, path: Path) -> Iterator[Problem]:
    yield from _of_number(price, path, decimals=FACTOR_DECIMALS, limit=FACTOR_LIMIT)
    if price.is_finite() and price < 0:  # BR-27
        yield Problem(path, "NEGATIVE", "A price is never negative; a return has a negative quantity.")


def _of_number(value: Decimal, path: Path, *, decimals: int, limit: Decimal) -> Iterator[Problem]:
    if not value.is_finite():
        yield Problem(path, "NOT_A_NUMBER", "This must be a finite number.")
    elif abs(value) >= limit:
        yield Problem(path, "OVERFLOW", f"This must be less than {limit:,f}.")
    elif _has_more_decimals(value, decimals):
        yield Problem(path, "TOO_MANY_DECIMALS", f"This has at most {decimals} decimal places.")


def _has_more_decimals(value: Decimal, decimals: int) -> bool:
    with localcontext(prec=PRECISION):
        return value != value.quantize(Decimal(1).scaleb(-decimals))


def _of_tax(category: TaxCategory, rate: Decimal, path: Path) -> Iterator[Problem]:
    """BR-S-05: a standard rate is above zero. BR-Z-05, BR-E-05, BR-AE-05, BR-IC-05, BR-G-05, BR-O-05: 0."""
    problems = list(_of_percent(rate, path))
    yield from problems
    if problems:
        return
    if category is TaxCategory.STANDARD and rate == 0:
        yield Problem(path, "RATE_MISSING", "Category S needs a rate above 0; use Z or E for no tax.")
    if category is not TaxCategory.STANDARD and rate != 0:
        yield Problem(path, "RATE_NOT_ALLOWED", f"Category {category} has no rate; only S has.")


def _of_percent(value: Decimal, path: Path) -> Iterator[Problem]:
    if value.is_finite() and not 0 <= value <= 100:  # noqa: PLR2004 (what per cent means)
        yield Problem(path, "PERCENT_OUT_OF_RANGE", "A percentage is between 0 and 100.")
    else:
        yield from _of_number(value, path, decimals=PERCENT_DECIMALS, limit=AMOUNT_LIMIT)


def _of_discount(discount: Discount, path: Path, currency: str) -> Iterator[Problem]:
    if (discount.percent is None) == (discount.amount is None):
        yield Problem(path, "TWO_DISCOUNTS", "A discount is either a percentage or an amount.")
    elif discount.percent is not None:
        yield from _of_percent(discount.percent, (*path, "percent"))
    elif discount.amount is not None:
        at, digits = (*path, "amount"), minor_digits(currency)
        yield from _of_number(discount.amount, at, decimals=digits, limit=AMOUNT_LIMIT)
        if discount.amount.is_finite() and discount.amount < 0:
            yield Problem(at, "NEGATIVE", "A discount is never negative.")


def _of_amounts(line: LineInput, path: Path) -> Iterator[Problem]:
    with localcontext(prec=PRECISION):
        amount = line.quantity * line.unit_price
        if abs(amount) >= AMOUNT_LIMIT:
            yield Problem(path, "OVERFLOW", f"A line must come to less than {AMOUNT_LIMIT:,f}.")
        elif line.discount and line.discount.amount and line.discount.amount > amount:
            at = (*path, "discount", "amount")
            yield Problem(at, "DISCOUNT_TOO_LARGE", f"The line comes to {amount.normalize():f} only.")


def _of_mixture(lines: Sequence[LineInput]) -> Iterator[Problem]:
    """BR-O-11 to BR-O-14: "not subject to VAT" stands alone on a document."""
    if len({line.tax_category is TaxCategory.NOT_SUBJECT for line in lines}) < 2:  # noqa: PLR2004 (both kinds)
        return
    for place, line in enumerate(lines):
        if line.tax_category is TaxCategory.NOT_SUBJECT:
            sentence = "Category O cannot be mixed with other tax categories on one invoice."
            yield Problem(("lines", str(place), "taxCategory"), "TAX_CATEGORIES_MIXED", sentence)
