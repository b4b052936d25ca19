"""PDFs: invoices of 10 lines, each different, in one process; beside an empty page by the same engine in one run."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import typst

from bench.servers import keep
from crm.documents.addresses import PostalAddress
from crm.documents.invoice import Buyer, DocumentLine, DocumentTax, InvoiceDocument, Seller
from crm.documents.render import render_invoice

COUNT = 60
LINES = 10


def main() -> None:
    render_invoice(_invoice(0))
    ours = _timed(lambda n: render_invoice(_invoice(n)))
    limit = _timed(lambda n: typst.compile(f"= Page {n}".encode(), format="pdf"))
    results = {"invoices_per_second": ours[0], "p95_ms": ours[1], "empty_pages_per_second": limit[0]}
    print(f"\nPDFs: {COUNT} different invoices of {LINES} lines, one process")
    print(f"  invoices {ours[0]:7.1f} a second, p95 {ours[1]:.0f} ms")
    print(f"  an empty page by the same engine {limit[0]:7.1f} a second: ratio {ours[0] / limit[0]:.3f}")
    keep("pdfs", results | {"ratio": round(ours[0] / limit[0], 4)})


def _timed(render: Callable[[int], object]) -> tuple[float, float]:
    """Documents a second, and the 95th percentile of one in milliseconds."""
    times = []
    for number in range(1, COUNT + 1):
        began = time.perf_counter()
        render(number)
        times.append(time.perf_counter() - began)
    return round(COUNT / sum(times), 1), round(1000 * sorted(times)[int(COUNT * 0.95)], 1)


def _invoice(number: int) -> InvoiceDocument:
    """Different words and amounts each time, so that nothing the engine remembers helps."""
    nets = [Decimal(100 + number + place) for place in range(LINES)]
    lines = tuple(
        DocumentLine(
            description=f"Goods of the kind {number * LINES + place}",
            quantity=Decimal(1),
            unit="C62",
            unit_price=net,
            tax_category="S",
            tax_rate=Decimal(19),
            net=net,
        )
        for place, net in enumerate(nets)
    )
    net = sum(nets, Decimal(0))
    tax = (net * Decimal("0.19")).quantize(Decimal("0.01"))
    return replace(
        _BLANK,
        number=f"B-{number}",
        lines=lines,
        lines_net=net,
        net=net,
        tax=tax,
        gross=net + tax,
        due=net + tax,
        taxes=(DocumentTax(category="S", rate=Decimal(19), base=net, tax=tax),),
    )


_ADDRESS = PostalAddress(street="Long Lane 1", city="Bristol", postcode="BS1 1AA", country="GB")
_BLANK = InvoiceDocument(
    currency="EUR",
    language="en",
    seller=Seller(name="Bench Ltd", address=_ADDRESS),
    buyer=Buyer(name="Reader Ltd", address=_ADDRESS),
    issue_date=date(2026, 11, 1),
    due_date=date(2026, 12, 1),
    lines=(),
    taxes=(),
    lines_net=Decimal(0),
    net=Decimal(0),
    tax=Decimal(0),
    gross=Decimal(0),
    due=Decimal(0),
)
