"""Every example was worked out by hand; the properties hold for any invoice the rules let in."""

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crm.invoices.lines import Discount, LineInput, TaxCategory
from crm.invoices.totals import Totals, amount_due, split, totals_of
from crm.kernel.errors import InvalidInput

D = Decimal


def line(
    quantity: str,
    price: str,
    rate: str = "19",
    category: TaxCategory = TaxCategory.STANDARD,
    *,
    percent: str | None = None,
    off: str | None = None,
    description: str = "Consulting",
    unit: str = "C62",
) -> LineInput:
    discount = Discount(percent and D(percent), off and D(off)) if percent or off else None
    return LineInput(description, D(quantity), D(price), D(rate), category, unit, discount)


def zero_rated(quantity: str, price: str) -> LineInput:
    return line(quantity, price, "0", TaxCategory.ZERO_RATED)


def refusals(
    *lines: LineInput, currency: str = "EUR", discount: Discount | None = None
) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        totals_of(lines, currency=currency, discount=discount)
    assert all(problem.message for problem in refused.value.problems)
    return [(".".join(problem.path), problem.code) for problem in refused.value.problems]


def figures(totals: Totals) -> tuple[str, str, str]:
    return str(totals.net), str(totals.tax), str(totals.gross)


# ── Examples ──


def test_a_plain_invoice_adds_up() -> None:
    totals = totals_of([line("2", "10"), line("1.5", "80")], currency="EUR")

    assert [str(each.net) for each in totals.lines] == ["20.00", "120.00"]
    assert figures(totals) == ("140.00", "26.60", "166.60")


@pytest.mark.parametrize(
    ("quantity", "price", "currency", "net"),
    [
        ("3", "33.333333", "EUR", "100.00"),
        ("1", "0.005", "EUR", "0.01"),
        ("1", "0.004999", "EUR", "0.00"),
        ("-1", "0.005", "EUR", "-0.01"),
        ("-1", "0.004", "EUR", "0.00"),
        ("0.000001", "999999999999", "EUR", "1000000.00"),
        ("0", "17.5", "EUR", "0.00"),
        ("3", "333.5", "JPY", "1001"),
        ("1", "0.5", "JPY", "1"),
        ("1", "1.2345", "KWD", "1.235"),
        ("7", "0.142857", "KWD", "1.000"),
    ],
)
def test_a_line_is_rounded_half_up_to_the_minor_unit(
    quantity: str, price: str, currency: str, net: str
) -> None:
    totals = totals_of([line(quantity, price), line("1", "1")], currency=currency)

    assert str(totals.lines[0].net) == net


def test_yen_have_no_decimals_anywhere() -> None:
    totals = totals_of([line("3", "333.5", "10")], currency="JPY")

    assert figures(totals) == ("1001", "100", "1101")


def test_dinars_have_three_decimals() -> None:
    totals = totals_of([line("1", "1.2345", "5")], currency="KWD")

    assert figures(totals) == ("1.235", "0.062", "1.297")


def test_a_percentage_comes_off_the_line_after_being_rounded_itself() -> None:
    totals = totals_of([line("10", "9.99", percent="15")], currency="EUR")

    assert (str(totals.lines[0].discount), str(totals.lines[0].net)) == ("14.99", "84.91")


def test_an_amount_comes_off_the_line_and_may_take_all_of_it() -> None:
    totals = totals_of([line("3", "5", off="2.50"), line("1", "4", off="4")], currency="EUR")

    assert [str(each.net) for each in totals.lines] == ["12.50", "0.00"]


def test_tax_is_computed_on_the_group_and_not_line_by_line() -> None:
    totals = totals_of([line("1", "0.10", "5")] * 3, currency="EUR")

    assert figures(totals) == ("0.30", "0.02", "0.32")


def test_equal_rates_are_one_group_however_they_are_written() -> None:
    totals = totals_of([line("1", "1", "19"), line("1", "1", "19.00")], currency="EUR")

    assert [(group.rate, group.base) for group in totals.groups] == [(D(19), D(2))]


def test_a_document_discount_is_shared_by_the_tax_groups_to_the_last_cent() -> None:
    lines = [zero_rated("1", "33.33"), line("1", "50", "7"), line("1", "100", "19")]

    totals = totals_of(lines, currency="EUR", discount=Discount(amount=D("10.00")))

    assert [
        (group.rate, str(group.discount), str(group.base), str(group.tax)) for group in totals.groups
    ] == [
        (D(19), "5.45", "94.55", "17.96"),
        (D(7), "2.73", "47.27", "3.31"),
        (D(0), "1.82", "31.51", "0.00"),
    ]
    assert figures(totals) == ("173.33", "21.27", "194.60")


def test_a_document_discount_in_percent_is_of_the_sum_of_the_lines() -> None:
    totals = totals_of([line("1", "99.99")], currency="EUR", discount=Discount(percent=D("33.3333")))

    assert (str(totals.lines_net), str(totals.discount)) == ("99.99", "33.33")
    assert figures(totals) == ("66.66", "12.67", "79.33")


def test_equal_remainders_favour_the_first_group() -> None:
    totals = totals_of(
        [line("1", "1", "19"), line("1", "1", "7")], currency="EUR", discount=Discount(amount=D("0.01"))
    )

    assert [str(group.discount) for group in totals.groups] == ["0.01", "0.00"]


def test_a_discount_of_everything_leaves_nothing_to_pay() -> None:
    totals = totals_of(
        [line("1", "10"), zero_rated("1", "3.33")], currency="EUR", discount=Discount(percent=D(100))
    )

    assert figures(totals) == ("0.00", "0.00", "0.00")


def test_a_return_reduces_its_group_and_takes_no_share_of_the_discount() -> None:
    lines = [line("10", "10"), line("-2", "10", "7")]

    totals = totals_of(lines, currency="EUR", discount=Discount(amount=D(8)))

    assert [(str(group.discount), str(group.base)) for group in totals.groups] == [
        ("8.00", "92.00"),
        ("0.00", "-20.00"),
    ]
    assert figures(totals) == ("72.00", "16.08", "88.08")


@pytest.mark.parametrize(
    "category", [category for category in TaxCategory if category is not TaxCategory.STANDARD]
)
def test_every_category_but_the_standard_one_is_free_of_tax(category: TaxCategory) -> None:
    totals = totals_of([line("1", "12.34", "0", category)], currency="EUR")

    assert [(group.category, group.tax) for group in totals.groups] == [(category, D(0))]
    assert figures(totals) == ("12.34", "0.00", "12.34")


def test_what_is_due_is_what_was_neither_paid_nor_credited() -> None:
    assert amount_due(D("119.00"), paid=D("19.00"), credited=D("50.00")) == D("50.00")
    with pytest.raises(ValueError, match="More was paid"):
        amount_due(D("119.00"), paid=D("119.01"))


# ── Refusals ──


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (line("1", "1", description=" \n"), ("lines.1.description", "REQUIRED")),
        (line("1", "1", description="x" * 5_001), ("lines.1.description", "TOO_LONG")),
        (line("1", "1", unit="piece"), ("lines.1.unit", "INVALID_UNIT")),
        (line("1.0000001", "1"), ("lines.1.quantity", "TOO_MANY_DECIMALS")),
        (line("NaN", "1"), ("lines.1.quantity", "NOT_A_NUMBER")),
        (line("Infinity", "1"), ("lines.1.quantity", "NOT_A_NUMBER")),
        (line("1E+12", "1"), ("lines.1.quantity", "OVERFLOW")),
        (line("-1E+999999", "1"), ("lines.1.quantity", "OVERFLOW")),
        (line("1E-999999", "1"), ("lines.1.quantity", "TOO_MANY_DECIMALS")),
        (line("1", "0.1234567"), ("lines.1.unitPrice", "TOO_MANY_DECIMALS")),
        (line("1", "-0.01"), ("lines.1.unitPrice", "NEGATIVE")),
        (line("1", "sNaN"), ("lines.1.unitPrice", "NOT_A_NUMBER")),
        (line("999999999999", "999999999999"), ("lines.1", "OVERFLOW")),
        (line("1", "1", "101"), ("lines.1.taxRate", "PERCENT_OUT_OF_RANGE")),
        (line("1", "1", "-1"), ("lines.1.taxRate", "PERCENT_OUT_OF_RANGE")),
        (line("1", "1", "NaN"), ("lines.1.taxRate", "NOT_A_NUMBER")),
        (line("1", "1", "19.00001"), ("lines.1.taxRate", "TOO_MANY_DECIMALS")),
        (line("1", "1", "0"), ("lines.1.taxRate", "RATE_MISSING")),
        (line("1", "1", "7", TaxCategory.ZERO_RATED), ("lines.1.taxRate", "RATE_NOT_ALLOWED")),
        (line("1", "1", "7", TaxCategory.REVERSE_CHARGE), ("lines.1.taxRate", "RATE_NOT_ALLOWED")),
        (line("1", "1", "0", TaxCategory.NOT_SUBJECT), ("lines.1.taxCategory", "TAX_CATEGORIES_MIXED")),
        (line("1", "1", percent="100.01"), ("lines.1.discount.percent", "PERCENT_OUT_OF_RANGE")),
        (line("1", "1", percent="-1"), ("lines.1.discount.percent", "PERCENT_OUT_OF_RANGE")),
        (line("1", "1", percent="1.23456"), ("lines.1.discount.percent", "TOO_MANY_DECIMALS")),
        (line("1", "1", percent="5", off="0.05"), ("lines.1.discount", "TWO_DISCOUNTS")),
        (line("1", "1", off="0.005"), ("lines.1.discount.amount", "TOO_MANY_DECIMALS")),
        (line("1", "1", off="-0.01"), ("lines.1.discount.amount", "NEGATIVE")),
        (line("1", "1", off="1.01"), ("lines.1.discount.amount", "DISCOUNT_TOO_LARGE")),
        (line("-1", "1", off="0.01"), ("lines.1.discount.amount", "DISCOUNT_TOO_LARGE")),
    ],
)
def test_a_wrong_line_is_refused_by_name(wrong: LineInput, expected: tuple[str, str]) -> None:
    assert refusals(line("5", "5"), wrong) == [expected]


def test_all_that_is_wrong_is_named_at_once() -> None:
    wrong = line("NaN", "-1", "250", description="", unit="", percent="101")

    assert refusals(wrong, discount=Discount()) == [
        ("lines.0.description", "REQUIRED"),
        ("lines.0.unit", "INVALID_UNIT"),
        ("lines.0.quantity", "NOT_A_NUMBER"),
        ("lines.0.unitPrice", "NEGATIVE"),
        ("lines.0.taxRate", "PERCENT_OUT_OF_RANGE"),
        ("lines.0.discount.percent", "PERCENT_OUT_OF_RANGE"),
        ("discount", "TWO_DISCOUNTS"),
    ]


def test_an_invoice_has_between_one_and_a_thousand_lines() -> None:
    assert refusals() == [("lines", "NO_LINES")]
    assert refusals(*[line("1", "1")] * 1_001) == [("lines", "TOO_MANY_LINES")]
    assert totals_of([line("1", "1")] * 1_000, currency="EUR").net == D(1_000)


@pytest.mark.parametrize("currency", ["XYZ", "eur", "", "EURO"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    assert refusals(line("1", "1"), currency=currency) == [("currency", "INVALID_CURRENCY")]


@pytest.mark.parametrize(
    ("lines", "discount", "expected"),
    [
        ([line("-1", "1")], None, ("lines", "NEGATIVE_TOTAL")),
        ([line("-1", "1")], Discount(amount=D(5)), ("lines", "NEGATIVE_TOTAL")),
        ([line("-1", "1")], Discount(percent=D(5)), ("lines", "NEGATIVE_TOTAL")),
        ([zero_rated("1", "55"), line("-1", "50", "20")], None, ("lines", "NEGATIVE_TOTAL")),
        ([line("1", "9.99")], Discount(amount=D("10.00")), ("discount.amount", "DISCOUNT_TOO_LARGE")),
        ([line("1", "9.99")], Discount(amount=D("0.001")), ("discount.amount", "TOO_MANY_DECIMALS")),
        ([line("1", "9.99")], Discount(percent=D("100.5")), ("discount.percent", "PERCENT_OUT_OF_RANGE")),
        ([line("500", "199999999999")] * 2, None, ("lines", "OVERFLOW")),
    ],
)
def test_wrong_totals_are_refused(
    lines: list[LineInput], discount: Discount | None, expected: tuple[str, str]
) -> None:
    assert refusals(*lines, discount=discount) == [expected]


def test_a_yen_discount_has_no_decimals() -> None:
    assert refusals(line("1", "100"), currency="JPY", discount=Discount(amount=D("0.5"))) == [
        ("discount.amount", "TOO_MANY_DECIMALS")
    ]


# ── Properties ──

CURRENCIES = {"EUR": 2, "JPY": 0, "KWD": 3}

percents = st.decimals(0, 100, places=4)
rates = st.sampled_from([D(25), D("5.5"), D(19), D("19.0"), D(7), D("0.0001"), D(100)])


@st.composite
def line_inputs(draw: st.DrawFn) -> LineInput:
    quantity = draw(st.decimals(D("-1000"), 100_000, places=draw(st.integers(0, 6))))
    price = draw(st.decimals(0, 100_000, places=draw(st.integers(0, 6))))
    category = draw(st.sampled_from([TaxCategory.STANDARD, TaxCategory.STANDARD, TaxCategory.EXEMPT]))
    rate = draw(rates) if category is TaxCategory.STANDARD else D(0)
    discount = draw(st.none() | st.builds(Discount, percent=percents))
    return LineInput("Line", quantity, price, rate, category, "C62", discount)


@st.composite
def invoices(draw: st.DrawFn) -> tuple[list[LineInput], str, Discount | None]:
    lines = draw(st.lists(line_inputs(), min_size=1, max_size=12))
    discount = draw(st.none() | st.builds(Discount, percent=percents))
    return lines, draw(st.sampled_from(sorted(CURRENCIES))), discount


def totals_or_skip(lines: list[LineInput], currency: str, discount: Discount | None) -> Totals:
    try:
        return totals_of(lines, currency=currency, discount=discount)
    except InvalidInput as refused:
        assume(any(problem.code != "NEGATIVE_TOTAL" for problem in refused.problems))
        raise


def half_up(exact: Fraction, digits: int) -> Fraction:
    """Round in whole numbers, independent of the decimal module."""
    units = abs(exact) * 10**digits
    rounded = (2 * units.numerator + units.denominator) // (2 * units.denominator)
    return Fraction(rounded if exact >= 0 else -rounded, 10**digits)


@given(invoices())
def test_the_parts_always_add_up_to_the_totals(invoice: tuple[list[LineInput], str, Discount | None]) -> None:
    totals = totals_or_skip(*invoice)

    assert sum(each.net for each in totals.lines) == totals.lines_net
    assert sum(group.lines_net for group in totals.groups) == totals.lines_net
    assert sum(group.discount for group in totals.groups) == totals.discount
    assert sum(group.base for group in totals.groups) == totals.net == totals.lines_net - totals.discount
    assert sum(group.tax for group in totals.groups) == totals.tax
    assert totals.gross == totals.net + totals.tax


@given(invoices())
def test_every_figure_equals_the_one_reckoned_in_fractions(
    invoice: tuple[list[LineInput], str, Discount | None],
) -> None:
    lines, currency, discount = invoice
    totals, digits = totals_or_skip(*invoice), CURRENCIES[currency]

    for each, total in zip(lines, totals.lines, strict=True):
        amount = Fraction(each.quantity) * Fraction(each.unit_price)
        percent = Fraction(each.discount.percent or 0) if each.discount else Fraction(0)
        off = half_up(amount * percent / 100, digits)
        assert (Fraction(total.discount), Fraction(total.net)) == (off, half_up(amount - off, digits))
    percent = Fraction(discount.percent or 0) if discount else Fraction(0)
    assert Fraction(totals.discount) == half_up(Fraction(totals.lines_net) * percent / 100, digits)
    for group in totals.groups:
        assert Fraction(group.tax) == half_up(Fraction(group.base) * Fraction(group.rate) / 100, digits)


@given(invoices())
def test_no_figure_has_more_decimals_than_the_currency(
    invoice: tuple[list[LineInput], str, Discount | None],
) -> None:
    totals, digits = totals_or_skip(*invoice), CURRENCIES[invoice[1]]

    amounts = [totals.lines_net, totals.discount, totals.net, totals.tax, totals.gross]
    amounts += [amount for group in totals.groups for amount in (group.base, group.tax, group.discount)]
    amounts += [amount for each in totals.lines for amount in (each.net, each.discount)]
    assert {amount.as_tuple().exponent for amount in amounts} == {-digits}
    assert not any(amount.is_signed() for amount in amounts if not amount)


@given(invoices(), st.randoms(use_true_random=False))
def test_the_order_of_the_lines_changes_nothing(
    invoice: tuple[list[LineInput], str, Discount | None], order: Random
) -> None:
    lines, currency, discount = invoice
    totals = totals_or_skip(*invoice)
    order.shuffle(lines)

    shuffled = totals_of(lines, currency=currency, discount=discount)

    assert shuffled.groups == totals.groups
    assert figures(shuffled) == figures(totals)


@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=9), st.fractions(0, 1))
def test_a_split_is_exact_fair_to_one_unit_and_never_above_its_weight(
    cents: list[int], part: Fraction
) -> None:
    assume(sum(cents))
    whole = int(sum(cents) * part)

    parts = split(D(whole).scaleb(-2), [D(each).scaleb(-2) for each in cents], currency="EUR")

    assert sum(parts) == D(whole).scaleb(-2)
    for got, weight in zip(parts, cents, strict=True):
        assert abs(Fraction(got) * 100 - Fraction(whole * weight, sum(cents))) < 1
        assert 0 <= got <= D(weight).scaleb(-2)


def test_nothing_splits_into_nothing() -> None:
    assert split(D("0.00"), [D("0.00"), D("0.00")], currency="EUR") == (D(0), D(0))
