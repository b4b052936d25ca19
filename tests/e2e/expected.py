"""What an order comes to, reckoned in whole minor units from the cells of CSV files, with nothing of Kith's arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

Row = Mapping[str, str]

DIGITS = {"JPY": 0, "KWD": 3}  # ISO 4217; every other currency of the files has two
CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O")


@dataclass(frozen=True)
class Expected:
    """Amounts in minor units; `lines` are the nets in their order."""

    currency: str
    lines: tuple[int, ...]
    discount: int
    net: int
    tax: int
    gross: int

    def amount(self, units: int) -> str:
        return amount_in(self.currency, units)


def expected(order: Row, lines: Sequence[Row]) -> Expected:
    """EN 16931 as DOMAIN §8 has it; `lines` with quantity, unit_price, discount_percent, tax_category, tax_rate."""
    scale = 10 ** DIGITS.get(order["currency"], 2)
    nets = [_line(line, scale) for line in lines]
    total = sum(nets)
    discount = _share(total, order["discount_percent"])
    if order["discount_amount"]:
        discount = half_up(Fraction(order["discount_amount"]) * scale)
    groups: dict[tuple[int, Fraction], int] = {}
    for line, net in zip(lines, nets, strict=True):
        key = (CATEGORIES.index(line["tax_category"]), -Fraction(line["tax_rate"]))
        groups[key] = groups.get(key, 0) + net
    keys = sorted(groups)
    parts = largest_remainder(discount, [groups[key] for key in keys])
    taxes = [half_up((groups[key] - part) * -key[1] / 100) for key, part in zip(keys, parts, strict=True)]
    net = total - discount
    return Expected(order["currency"], tuple(nets), discount, net, sum(taxes), net + sum(taxes))


def amount_in(currency: str, units: int) -> str:
    """As the API writes it: `1234.50`, in yen `1234`."""
    digits = DIGITS.get(currency, 2)
    text = str(units).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def half_up(value: Fraction) -> int:
    """For amounts that are not negative."""
    return floor(value + Fraction(1, 2))


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    total = sum(weights)
    exact = [Fraction(amount * weight, total) for weight in weights]
    parts = [floor(share) for share in exact]
    neediest = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
    for place in neediest[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def _line(line: Row, scale: int) -> int:
    amount = Fraction(line["quantity"]) * Fraction(line["unit_price"]) * scale
    return half_up(amount - _share(amount, line["discount_percent"]))


def _share(amount: Fraction | int, percent: str) -> int:
    return half_up(amount * Fraction(percent or "0") / 100)
