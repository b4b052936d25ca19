"""Growth: what the same question costs when there are a hundred times as many customers, one caller, over HTTP.

Every size has the same number of children a customer, so that the same question has an answer of the same size.
"""

import argparse
import asyncio
import contextlib
import random
import socket
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from bench import machine
from bench.cluster import cluster
from bench.contestants import CONTESTANTS
from bench.data import Size, customer_key
from bench.figures import percentile
from bench.load import answer_length, request_of
from bench.queries import QUERIES
from bench.running import Server, reader_token, started
from bench.servers import keep
from crm.kernel.database import credentials
from crm.kernel.ids import Kind, encode

SIZES = (10_000, 100_000, 1_000_000)
BIG, SMALL = 12, 2  # activities: a third of what `read` has, or the largest size would take an hour to fill
TARGET = 1.3
ROUNDS = 3
_DOCUMENTS = {query.name: query.documents["kith"] for query in QUERIES}
LIST = (
    "query List($filter: CustomerFilter, $orderBy: [CustomerOrder!]) { customers(first: 50, filter: $filter, "
    "orderBy: $orderBy) { nodes { id name email phone stage status address { city } accountManager { name } } "
    "pageInfo { hasNextPage endCursor } } }"
)
_ORDERS = (
    *("NAME", "EMAIL", "CITY", "COUNTRY", "CONTRACT_VALUE", "CONTRACT_END", "PROBABILITY", "LIVE_SINCE"),
    *("LAST_ACTIVITY_AT", "CREATED_AT", "UPDATED_AT"),
)
_NEWEST_FIRST = ("LAST_ACTIVITY_AT", "CREATED_AT", "UPDATED_AT", "CONTRACT_VALUE")


@dataclass(frozen=True, slots=True)
class Question:
    """One thing people ask, with different values, as bodies of requests."""

    name: str
    bodies: tuple[bytes, ...]


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench growth", description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="customers (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=1, help="of each round (default %(default)s)")
    parser.add_argument("--only", default="", help="questions whose names have this in them")
    given = parser.parse_args(arguments)
    sizes = [Size(int(size), BIG, SMALL) for size in given.sizes.split(",")]
    with _all_sizes(sizes) as up:
        results = _measure(up, given.seconds, given.only)
    print(f"\n{_table(results, [str(size.customers) for size in sizes])}")
    if given.only or tuple(size.customers for size in sizes) != SIZES:
        print("\nNot kept in bench/results: not every question was asked at the usual sizes.")
        return
    meta = machine.described() | {
        "rows": {str(size.customers): size.rows for size in sizes},
        "seconds": given.seconds,
        "rounds": ROUNDS,
        "target": TARGET,
    }
    keep("growth", {"meta": meta, **results})


@contextlib.contextmanager
def _all_sizes(sizes: Sequence[Size]) -> Iterator[list[tuple[Size, Server, list[Question]]]]:
    """Kith, once over each size, all up at once; and what is asked of it."""
    with tempfile.TemporaryDirectory(prefix="kith-bench-") as logs, contextlib.ExitStack() as stack:
        up = []
        for size in sizes:
            servers = stack.enter_context(cluster(size))
            token = asyncio.run(reader_token())
            server = stack.enter_context(started(CONTESTANTS["kith"], servers, token, Path(logs)))
            up.append((size, server, asyncio.run(_questions(servers.url, size))))
        yield up


def _measure(
    up: Sequence[tuple[Size, Server, list[Question]]], seconds: float, only: str
) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    for question, *_ in zip(*(questions for *_, questions in up), strict=True):
        if only not in question.name:
            continue
        times: dict[str, list[float]] = {str(size.customers): [] for size, *_ in up}
        for _ in range(ROUNDS):
            for size, server, questions in up:
                (same,) = (each for each in questions if each.name == question.name)
                times[str(size.customers)] += _ask(server, same.bodies, seconds)
        results[question.name] = _figures(times)
        print(f"  {question.name}: {results[question.name]['ratio']:.2f}", flush=True)
    return results


def _figures(times: dict[str, list[float]]) -> dict[str, Any]:
    """Milliseconds by size, and how many times as long the median takes at the last size as at the first."""
    found: dict[str, Any] = {
        size: {
            "p50": round(1000 * statistics.median(seconds), 2),
            "p95": round(1000 * percentile(sorted(seconds), 0.95), 2),
            "requests": len(seconds),
        }
        for size, seconds in times.items()
    }
    medians = [statistics.median(seconds) for seconds in times.values()]
    return found | {"ratio": round(medians[-1] / medians[0], 2)}


def _ask(server: Server, bodies: Sequence[bytes], seconds: float) -> list[float]:
    """Seconds each request took, one after the other; the first of each round does not count."""
    server.answer(bodies[0])
    times: list[float] = []
    with socket.create_connection(("127.0.0.1", server.running.port), 120) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            request = request_of(bodies[len(times) % len(bodies)], server.token)
            began = time.perf_counter()
            connection.sendall(request)
            data = connection.recv(1 << 20)
            missing = answer_length(data) - len(data)
            while missing > 0:
                missing -= len(connection.recv(1 << 20))
            times.append(time.perf_counter() - began)
    return times


async def _questions(url: str, size: Size) -> list[Question]:
    chance = random.Random(11)  # noqa: S311  no secret
    numbers = chance.sample(range(1, size.customers + 1), 100)
    connection = await asyncpg.connect(**credentials(url))
    try:
        some = await connection.fetch(
            "select name, email, phone, website, vat_id, account_manager_id, "
            "(select min(email) from contact where customer_id = c.id) as contact, "
            "(select min(phone) from contact where customer_id = c.id) as person "
            "from customer c where id = any($1) order by id",
            [customer_key(number) for number in numbers],
        )
        (since,) = await connection.fetchrow(
            "select created_at from customer order by created_at desc offset 30 limit 1"
        )
        countries = await connection.fetch("select distinct address_country as code from customer order by 1")
    finally:
        await connection.close()
    codes = [row["code"] for row in countries]
    words = [row["name"].split()[0].lower() for row in some]
    managers = sorted({encode(Kind.USER, row["account_manager_id"]) for row in some})
    big = [encode(Kind.CUSTOMER, customer_key(10 * (number // 10 or 1))) for number in numbers]
    return [
        *(_list(f"list by {order}", order=[{"field": order}]) for order in _ORDERS),
        *(
            _list(f"list by {order} DESC", order=[{"field": order, "direction": "DESC"}])
            for order in _NEWEST_FIRST
        ),
        _list("list, status", *({"status": {"eq": "ACTIVE"}}, {"status": {"eq": "PROSPECT"}})),
        _list("list, country", *({"country": {"eq": code}} for code in codes)),
        _list(
            "list, country and status", *({"country": {"eq": c}, "status": {"eq": "ACTIVE"}} for c in codes)
        ),
        _list("list, account manager", *({"accountManager": {"eq": manager}} for manager in managers)),
        _list("list, name begins with", *({"name": {"startsWith": word[:2].title()}} for word in words)),
        _list("list, owner", *({"owner": {"eq": manager}} for manager in managers)),
        _list("list, contract value", {"contractValue": {"gt": "99000"}}),
        _list("list, the newest 30", {"createdAt": {"gt": since.isoformat()}}),
        _list("list, contract review from", {"contractReview": {"gte": "2030-01-01"}}),
        _list("list, language of nobody", {"language": {"eq": "pt"}}),
        _list("list, VAT id", *({"vatId": {"eq": row["vat_id"]}} for row in some)),
        _list("list, website", *({"website": {"eq": row["website"]}} for row in some)),
        _list("list, part of a website", *({"website": {"contains": row["website"][11:-9]}} for row in some)),
        _list(
            "list, part of a telephone number", *({"phone": {"contains": row["phone"][-7:]}} for row in some)
        ),
        _list(
            "list, part of an e-mail address", *({"email": {"contains": row["email"][7:-8]}} for row in some)
        ),
        _list(
            "list, part of a contact's telephone number",
            *(_some("contacts", "phone", "contains", row["person"][-8:]) for row in some),
        ),
        _list("list, part of a name", *({"name": {"contains": word[1:]}} for word in words)),
        _list("list, domain of e-mails", *({"email": {"contains": row["email"][6:]}} for row in some)),
        _list("list, contact's e-mail", *(_some("contacts", "email", "eq", row["contact"]) for row in some)),
        _list("list, activity by", *(_some("activities", "user", "eq", manager) for manager in managers)),
        _list("list, invoice over", _some("invoices", "gross", "gt", "99000000")),
        _search("search, a word of a name", words),
        _search("search, an e-mail address", (row["email"] for row in some)),
        _search("search, a telephone number", (row["phone"] for row in some)),
        _search("search, the first letter of a name", sorted({word[0] for word in words})),
        _search("search, a word that a sixth have", ("gmbh", "ltd")),
        _search("search, a word that one in twenty have", ("foods", "media", "textiles")),
        _search("search, a first name of contacts", ("marco", "nadia", "fiona")),
        _question("360° view", _DOCUMENTS["view"], *({"id": key} for key in big)),
        _question("timeline", _DOCUMENTS["timeline"], *({"id": key} for key in big)),
    ]


def _list(name: str, *filters: dict[str, Any], order: list[dict[str, str]] | None = None) -> Question:
    return _question(name, LIST, *({"filter": each, "orderBy": order} for each in filters or (None,)))


def _search(name: str, texts: Iterable[str]) -> Question:
    return _question(name, _DOCUMENTS["search"], *({"word": text} for text in texts))


def _some(relation: str, field: str, operator: str, value: str) -> dict[str, Any]:
    return {relation: {"some": {field: {operator: value}}}}


def _question(name: str, document: str, *values: dict[str, Any]) -> Question:
    return Question(name, tuple(orjson.dumps({"query": document, "variables": each}) for each in values))


def _table(results: dict[str, dict[str, Any]], sizes: Sequence[str]) -> str:
    """Median and 95th percentile in milliseconds by size."""
    heads = "".join(f"{int(size):>14,}{'p95':>10}" for size in sizes)
    lines = [f"{'p50 and p95 in ms':32}{heads}{'ratio':>9}"]
    for name, row in results.items():
        cells = "".join(f"{row[size]['p50']:14.2f}{row[size]['p95']:10.2f}" for size in sizes)
        lines.append(f"{name:32}{cells}{row['ratio']:8.2f}{' ' if row['ratio'] <= TARGET else '!'}")
    missed = sum(row["ratio"] > TARGET for row in results.values())
    lines.append(f"{len(results) - missed} of {len(results)} grow by a factor of at most {TARGET}")
    return "\n".join(lines)
