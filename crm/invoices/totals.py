"""What an invoice adds up to, by EN 16931-1:2017 (rules are cited as BR-…, fields as BT-…). Pure.

Decimals only, rounded half-up (away from zero) to the currency's minor unit. The parts of an invoice add up
to its totals to the last unit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from functools import cache

from crm.invoices.lines import AMOUNT_LIMIT, PRECISION, Discount, LineInput, TaxCategory, problems_of
from crm.kernel.errors import InvalidInput, Problem
from crm.kernel.money import minor_digits

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class LineTotal:
    """`discount` is BT-136, `net` BT-131."""

    discount: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True)
class TaxGroup:
    """BG-23, one per (category, rate): `base` (BT-116) is `lines_net` less `discount`; `tax` is BT-117."""

    category: TaxCategory
    rate: Decimal
    lines_net: Decimal
    discount: Decimal
    base: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """BG-22: `lines_net` BT-106, `discount` BT-107, `net` BT-109, `tax` BT-110, `gross` BT-112.

    `lines` are in the order of the input; `groups` list standard rates first, the highest first.
    """

    currency: str
    lines: tuple[LineTotal, ...]
    groups: tuple[TaxGroup, ...]
    lines_net: Decimal
    discount: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


def totals_of(lines: Sequence[LineInput], *, currency: str, discount: Discount | None = None) -> Totals:
    """The totals of an invoice in an ISO 4217 currency. InvalidInput names all that is wrong at once."""
    _refuse(problems_of(lines, currency=currency, discount=discount))
    totals = _add_up(lines, currency, discount)
    _refuse(tuple(_problems_of_totals(totals, discount)))
    return totals


def amount_due(gross: Decimal, *, paid: Decimal = _ZERO, credited: Decimal = _ZERO) -> Decimal:
    """BT-115, what is left to pay: gross − paid − credited (BR-CO-16). ValueError when that is below zero."""
    due = gross - paid - credited
    if due < 0:
        raise ValueError("More was paid and credited than was invoiced.")
    return due


def split(amount: Decimal, weights: Sequence[Decimal], *, currency: str) -> tuple[Decimal, ...]:
    """Divide `amount` in proportion to `weights` by largest remainder: the parts add up to it exactly.

    All are whole minor units, none is negative, and some weight is above zero unless the amount is zero.
    Equal remainders favour the earlier part. While the amount is at most the weights' sum, no part exceeds
    its weight.
    """
    unit = _unit(currency)
    with localcontext(prec=PRECISION):
        total = sum(weights, _ZERO)
        exact = [amount * weight / total if total else _ZERO for weight in weights]
        parts = [share.quantize(unit, ROUND_FLOOR) for share in exact]
        left = int((amount - sum(parts, _ZERO)) / unit)
        by_remainder = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
        for place in by_remainder[:left]:
            parts[place] += unit
        return tuple(parts)


def _refuse(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise InvalidInput(problems)


def _add_up(lines: Sequence[LineInput], currency: str, discount: Discount | None) -> Totals:
    with localcontext(prec=PRECISION):
        line_totals = tuple(_line_total(line, currency) for line in lines)
        lines_net = sum((line.net for line in line_totals), _ZERO)  # BR-CO-10
        reduction = _discount_of(lines_net, discount, currency)  # BR-CO-11
        groups = _groups(lines, line_totals, reduction, currency)
        net = lines_net - reduction  # BR-CO-13
        tax = sum((group.tax for group in groups), _ZERO)  # BR-CO-14
        gross = net + tax  # BR-CO-15
    return Totals(currency, line_totals, groups, lines_net, reduction, net, tax, gross)


def _line_total(line: LineInput, currency: str) -> LineTotal:
    """BT-131: quantity × price − discount, rounded at the end (BR-DEC-23).

    The discount is printed and exchanged by itself, so it is rounded by itself too (BR-DEC-24).
    """
    amount = line.quantity * line.unit_price
    reduction = _discount_of(amount, line.discount, currency)
    return LineTotal(discount=reduction, net=_rounded(amount - reduction, currency))


def _discount_of(amount: Decimal, discount: Discount | None, currency: str) -> Decimal:
    if discount is None:
        return _rounded(_ZERO, currency)
    if discount.percent is not None:
        return _rounded(amount * discount.percent / _HUNDRED, currency)
    return _rounded(discount.amount or _ZERO, currency)


def _groups(
    lines: Sequence[LineInput], totals: Iterable[LineTotal], reduction: Decimal, currency: str
) -> tuple[TaxGroup, ...]:
    """BG-23: each base is its lines' net less its share of the document discount.

    BR-S-08, BR-Z-08, BR-E-08, BR-AE-08, BR-IC-08, BR-G-08, BR-O-08; at least one group exists (BR-CO-18).
    """
    nets: dict[tuple[TaxCategory, Decimal], Decimal] = {}
    for line, total in zip(lines, totals, strict=True):
        key = (line.tax_category, line.tax_rate)
        nets[key] = nets.get(key, _ZERO) + total.net
    keys = sorted(nets, key=lambda key: (_ORDER[key[0]], -key[1]))
    # A group that holds only returns has nothing to discount.
    shares = split(reduction, [max(nets[key], _ZERO) for key in keys], currency=currency)
    return tuple(_group(key, nets[key], share, currency) for key, share in zip(keys, shares, strict=True))


def _group(key: tuple[TaxCategory, Decimal], lines_net: Decimal, share: Decimal, currency: str) -> TaxGroup:
    """BR-CO-17, and BR-S-09 with its siblings: tax is base × rate, rounded."""
    category, rate = key
    base = lines_net - share
    return TaxGroup(category, rate, lines_net, share, base, _rounded(base * rate / _HUNDRED, currency))


def _problems_of_totals(totals: Totals, discount: Discount | None) -> Iterator[Problem]:
    if discount and discount.amount and totals.discount > totals.lines_net >= 0:
        sentence = f"The lines come to {totals.lines_net} {totals.currency} only."
        yield Problem(("discount", "amount"), "DISCOUNT_TOO_LARGE", sentence)
    elif min(totals.lines_net, totals.net, totals.tax, totals.gross) < 0:
        sentence = "The total is negative: that is a credit note, not an invoice."
        yield Problem(("lines",), "NEGATIVE_TOTAL", sentence)
    largest = max(
        totals.gross, *(abs(amount) for group in totals.groups for amount in (group.lines_net, group.tax))
    )
    if largest >= AMOUNT_LIMIT:
        yield Problem(("lines",), "OVERFLOW", f"The totals must be less than {AMOUNT_LIMIT:,f}.")


_ORDER = {category: place for place, category in enumerate(TaxCategory)}


@cache
def _unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-minor_digits(currency))


def _rounded(amount: Decimal, currency: str) -> Decimal:
    # Adding zero turns −0.00 into 0.00.
    return amount.quantize(_unit(currency), ROUND_HALF_UP) + _ZERO
