"""Orders of the last eighteen months and their lines."""

import random
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from demo.generator.countries import COUNTRIES, EU
from demo.generator.inputs import ANCHOR, Inputs, Prospectus, days_ago, dealt, happens, stream
from demo.records import Customer, Order, OrderLine, Product

_ORDERS = 800
_PERIOD = 548  # days
_SATURDAY = 5
_WEIGHTS = {"S": 2, "M": 3, "L": 5}
_SCALES = {"S": 1, "M": 2, "L": 4}
# Days before the last order until which those who left, paused or were blocked still bought.
_STOPPED = {"CHURNED": 210, "INACTIVE": 150, "BLOCKED": 45}
_LINE_COUNTS = {
    "1": 8,
    "2": 14,
    "3": 18,
    "4": 18,
    "5": 14,
    "6": 10,
    "7": 7,
    "8": 4,
    "9": 3,
    "10": 2,
    "11": 1,
    "12": 1,
}
_LINE_DISCOUNTS = {"": 76, "5": 10, "7.5": 5, "10": 6, "12.5": 2, "15": 1}
_FAVOURITES = 20  # products a customer keeps buying

# How much customers of size S take at a time: by unit, or by kind for what is dear or cheap by the piece.
_QUANTITIES = {
    "KGM": ("3", "5", "6", "10", "12.5", "15", "20"),
    "LTR": ("20", "40", "60"),
    "XBX": ("1", "2", "3", "5"),
    "XPK": ("1", "2", "4", "6"),
    "H87": ("2", "3", "4", "6", "10"),
    "Equipment": ("1", "1", "2"),
    "Green": ("60", "120", "180"),
    "Pennyworth": ("500", "1000", "2000"),
    "Services": ("1",),
}
_UNSCALED = frozenset({"Equipment", "Services"})
_ROASTERS_ONLY = frozenset({"COF-130", "COF-131"})  # green coffee


@dataclass(frozen=True, slots=True)
class Ledger:
    orders: tuple[Order, ...]
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True)
class Buyer:
    row: Prospectus
    customer: Customer
    assortment: tuple[Product, ...]

    @property
    def weight(self) -> int:
        """How often it orders. Whoever had to be blocked had bought more than was good for both."""
        return _WEIGHTS[self.row.size] * (3 if self.row.standing == "BLOCKED" else 1)


def build_ledger(inputs: Inputs, customers: dict[str, Customer]) -> Ledger:
    chance = stream("orders")
    buyers = [_buyer(inputs, row, customers[row.account_number]) for row in inputs.prospectuses if row.buys]
    moments = sorted(_dates(chance))
    orders, lines = [], []
    for position, day in enumerate(moments):
        buyer = _who_buys(buyers, day, chance)
        order = _order(f"SO-{100_001 + position}", day, buyer, chance)
        bought = _lines(order, buyer, chance)
        orders.append(_with_document_discount(order, buyer, bought, chance))
        lines += bought
    return Ledger(tuple(orders), tuple(lines))


def _dates(chance: random.Random) -> list[date]:
    """Draw working days: busier as time goes on and before Christmas; the last is the anchor."""
    days = [day for day in map(days_ago, range(_PERIOD)) if day.weekday() < _SATURDAY]
    return [*chance.choices(days, weights=[_busyness(day) for day in days], k=_ORDERS - 1), ANCHOR]


def _busyness(day: date) -> float:
    growth = 3 - 2 * (ANCHOR - day).days / _PERIOD
    return growth * (1.5 if day.month >= 11 else 1)  # noqa: PLR2004  November


def _buyer(inputs: Inputs, row: Prospectus, customer: Customer) -> Buyer:
    suitable = [product for product in inputs.products if _suits(product, row)]
    assortment = stream(f"assortment/{row.account_number}").sample(suitable, _FAVOURITES)
    return Buyer(row, customer, tuple(assortment))


def _suits(product: Product, row: Prospectus) -> bool:
    if product.sku in _ROASTERS_ONLY:
        return row.industry == "Coffee roaster"
    return product.category != "Services" or row.country in {"DE", "GB"}


def _who_buys(buyers: list[Buyer], day: date, chance: random.Random) -> Buyer:
    open_accounts = [buyer for buyer in buyers if day <= days_ago(_STOPPED.get(buyer.row.standing, 0))]
    return chance.choices(open_accounts, weights=[buyer.weight for buyer in open_accounts])[0]


def _order(number: str, day: date, buyer: Buyer, chance: random.Random) -> Order:
    reference = f"PO {chance.randint(10_000, 99_999)}" if happens(chance, percent=55) else None
    customer = buyer.customer
    return Order(number, day, customer.account_number, customer.currency, reference)


def _lines(order: Order, buyer: Buyer, chance: random.Random) -> list[OrderLine]:
    count = int(dealt(chance, _LINE_COUNTS))
    chosen = sorted(chance.sample(buyer.assortment, count), key=lambda product: product.sku)
    return [_line(order, position, product, buyer, chance) for position, product in enumerate(chosen, 1)]


def _line(order: Order, position: int, product: Product, buyer: Buyer, chance: random.Random) -> OrderLine:
    discount = dealt(chance, _LINE_DISCOUNTS)
    category, rate = tax_of(product, buyer.customer)
    return OrderLine(
        order_number=order.order_number,
        line_number=position,
        sku=product.sku,
        description=product.name,
        quantity=_quantity(product, buyer.row, chance),
        unit=product.unit,
        unit_price=price_in(product.price, buyer.row.country),
        tax_category=category,
        tax_rate=rate,
        discount_percent=Decimal(discount) if discount else None,
    )


def _quantity(product: Product, row: Prospectus, chance: random.Random) -> Decimal:
    kind = product.category if product.category in _UNSCALED else product.unit
    if product.price < 1:
        kind = "Pennyworth"
    if product.sku in _ROASTERS_ONLY:
        kind = "Green"
    number = Decimal(chance.choice(_QUANTITIES[kind]))
    return number if kind in _UNSCALED else number * _SCALES[row.size]


def price_in(euro: Decimal, country: str) -> Decimal:
    """Convert a list price: whole yen, three decimals of a dinar, else two, but four for a paper cup."""
    target = COUNTRIES[country]
    if target.currency == "EUR":
        return euro
    converted = euro * Decimal(target.per_euro)
    if target.currency == "JPY" and euro >= 1:
        return converted.quantize(Decimal(1))
    return converted.quantize(Decimal("0.001") if target.currency == "KWD" and euro >= 1 else _step(euro))


def _step(euro: Decimal) -> Decimal:
    return Decimal("0.01") if euro >= 1 else Decimal("0.0001")


def tax_of(product: Product, customer: Customer) -> tuple[str, Decimal]:
    """UNCL5305 category and rate: home rates at home, intra-community supply (K) in the EU, else export (G).

    In the United Kingdom food is zero-rated (Z); confectionery, equipment and services are not.
    """
    country = customer.address_country
    if country == "DE":
        return product.tax_category, product.tax_rate
    if country == "GB":
        food = product.category in {"Coffee", "Tea", "Oils and vinegars", "Pantry"}
        return ("Z", Decimal(0)) if food else ("S", Decimal(20))
    return ("K" if country in EU else "G"), Decimal(0)


def _with_document_discount(
    order: Order, buyer: Buyer, lines: list[OrderLine], chance: random.Random
) -> Order:
    """Give the customer's standing discount, or now and then one for this order: percentage or amount."""
    if buyer.customer.discount_percent is not None:
        return replace(order, discount_percent=buyer.customer.discount_percent)
    kind = dealt(chance, {"none": 90, "percent": 6, "amount": 4})
    if kind == "percent":
        return replace(order, discount_percent=Decimal(chance.choice(("2", "2.5", "5"))))
    amount = price_in(Decimal(chance.choice((10, 15, 25, 40))), buyer.row.country)
    total = sum(line.quantity * line.unit_price for line in lines)
    generous = kind == "amount" and total > 8 * amount
    return replace(order, discount_amount=amount) if generous else order
