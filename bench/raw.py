"""The raw limit: bare ASGI and asyncpg, PostgreSQL writing the same JSON; no GraphQL, log-in or limits.

`BENCH_QUERY` names the query it answers, `BENCH_CUSTOMER` the customer of the 360° view.
"""

import os
from typing import Any

import asyncpg

from crm.kernel.database import credentials

_PAGE = """
select json_build_object('data', json_build_object('customers', json_build_object('nodes',
  (select json_agg(t) from (select 'cus_' || replace(id::text, '-', '') as id, name, email, status, address_city as city
                              from customer where archived_at is null order by name, id limit 50) t))))::text
"""
_NESTED = """
select json_build_object('data', json_build_object('customers', json_build_object('nodes', (select json_agg(t) from (
  select 'cus_' || replace(c.id::text, '-', '') as id, c.name,
    json_build_object('nodes', (select json_agg(x) from (select name, email, phone from contact
       where customer_id = c.id order by is_primary desc, name, id limit 10) x)) as contacts,
    json_build_object('nodes', (select json_agg(x) from (select number, state, issue_date as "issueDate",
       json_build_object('amount', gross_total::text) as gross
       from invoice where customer_id = c.id order by issue_date desc, id limit 10) x)) as invoices
  from customer c where archived_at is null order by name, id limit 50) t))))::text
"""
_VIEW = """
select json_build_object('data', json_build_object('customer', (select row_to_json(t) from (
  select 'cus_' || replace(c.id::text, '-', '') as id, c.name, c.email, c.phone, c.status, c.stage,
    (select row_to_json(u) from (select name from staff_user where id = c.account_manager_id) u) as "accountManager",
    json_build_object('nodes', (select json_agg(x) from (select name, email, phone from contact
       where customer_id = c.id order by is_primary desc, name, id limit 10) x)) as contacts,
    json_build_object('nodes', (select json_agg(x) from (select type, title, occurred_at as "occurredAt" from activity
       where customer_id = c.id order by occurred_at desc, id desc limit 10) x)) as activities,
    json_build_object('nodes', (select json_agg(x) from (select number, state, json_build_object('amount',
       gross_total::text) as gross, (select json_agg(l) from (select description, json_build_object('amount', net::text)
       as net from invoice_line where invoice_id = i.id order by position) l) as lines from invoice i
       where customer_id = c.id order by issue_date desc, id desc limit 5) x)) as invoices
  from customer c where c.id = $1) t)))::text
"""
QUERIES = {"list page": _PAGE, "360° view": _VIEW, "nested list": _NESTED}


class Raw:
    """One ASGI application that answers every request with one statement."""

    def __init__(self) -> None:
        name = os.environ["BENCH_QUERY"]
        self.sql = QUERIES[name]
        self.values = [os.environ["BENCH_CUSTOMER"]] if "$1" in self.sql else []
        self.pool: Any = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        async with self.pool.acquire() as connection:
            body = (await connection.fetchval(self.sql, *self.values)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                url = os.environ["DATABASE_URL"]
                self.pool = await asyncpg.create_pool(**credentials(url), min_size=10, max_size=10)
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.pool.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def create_app() -> Raw:
    return Raw()
