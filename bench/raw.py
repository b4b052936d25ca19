"""The raw limit: bare ASGI and asyncpg, PostgreSQL writing the JSON that Kith answers, byte for byte but for spaces.

No GraphQL, no log-in, no visibility, no limits; statements prepared once a connection, one connection a request, given
back without a reset. 1,000 rows come as one list, as the other peers give them.
"""

import asyncio
import base64
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import orjson

Message = dict[str, Any]
POOL = 10
_SESSION = {  # as Kith's: else the server plans long ones each time
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "work_mem": "32MB",
}

_MANAGER = """(select to_json(u) from (select name from staff_user where id = c.account_manager_id) u) as "accountManager" """
_CUSTOMER = "'cus_' || encode(uuid_send(c.id), 'hex') as id, c.name, c.email, c.phone"
_LISTED = """from customer c where c.archived_at is null and c.address_country = $1 and c.status = $2
  order by c.sort_name, c.id"""
_AMOUNT = "(select to_json(m) from (select round({}, 2)::text as amount) m) as {}"

# As Kith writes them (crm/kernel/paging.py).
_CURSOR = """rtrim(translate(encode(convert_to('["sort_name,id",' || to_json(sort_name) || ',"' || id || '"]', 'UTF8'), 'base64'),
  E'+/\\n', '-_'), '=')"""
# One pass over the page and one row more, which says whether there is a next page: an eighth cheaper than reading a
# common table expression three times.
_PAGE = f"""
select to_json(d)::text from (select (select to_json(p) from (select l.nodes,
  (select to_json(i) from (select l.more as "hasNextPage",
     (select {_CURSOR} from (select l.sort_name, l.id) e where e.id is not null) as "endCursor") i) as "pageInfo"
  from (select coalesce(json_agg(node) filter (where place <= 50), '[]') as nodes, count(*) > 50 as more,
               (array_agg(sort_name))[least(count(*), 50)] as sort_name, (array_agg(id))[least(count(*), 50)] as id
          from (select row_number() over () as place, c.sort_name, c.id, (select t from (
                  select {_CUSTOMER}, c.stage, c.status, (select to_json(a) from (select c.address_city as city) a) as address,
                         {_MANAGER}) t) as node
                  from (select c.id, c.name, c.sort_name, c.email, c.phone, c.stage, c.status, c.address_city,
                          c.account_manager_id
                          {_LISTED} limit 51) c) r) l) p) as customers) d
"""
_CONTACTS = """(select to_json(x) from (select (select coalesce(json_agg(t), '[]') from (
  select {} from contact k where k.customer_id = c.id order by k.is_primary desc, k.name, k.id limit 10) t) as nodes) x)
  as contacts"""
_VIEW = f"""
select to_json(d)::text from (select (select to_json(r) from (
  select {
    _CUSTOMER
}, c.website, c.stage, c.status, c.account_number as "accountNumber", c.created_at as "createdAt", {_MANAGER},
    {
    _CONTACTS.format('''
      'con_' || encode(uuid_send(k.id), 'hex') as id, k.name, k.email, k.phone, k.title, k.is_primary as "isPrimary"''')
},
    (select to_json(x) from (select (select coalesce(json_agg(t), '[]') from (
       select 'act_' || encode(uuid_send(a.id), 'hex') as id, a.type, a.title, a.occurred_at as "occurredAt"
         from activity a where a.customer_id = c.id order by a.occurred_at desc, a.id desc limit 10) t) as nodes) x)
      as activities,
    (select to_json(x) from (select (select coalesce(json_agg(t), '[]') from (
       select 'inv_' || encode(uuid_send(i.id), 'hex') as id, i.number, i.state, i.currency, i.issue_date as "issueDate",
              i.due_date as "dueDate", {_AMOUNT.format("i.gross_total", "gross")},
              (select coalesce(json_agg(l), '[]') from (
                 select l.description, trim_scale(l.quantity)::text as quantity, {
    _AMOUNT.format("l.net", "net")
}
                   from invoice_line l where l.invoice_id = i.id order by l.position) l) as lines
         from invoice i where i.customer_id = c.id order by i.created_at desc, i.id desc limit 5) t) as nodes) x) as invoices
  from customer c where c.id = $1) r) as customer) d
"""
_NESTED = f"""
select to_json(d)::text from (select (select to_json(p) from (select (select coalesce(json_agg(t), '[]') from (
  select 'cus_' || encode(uuid_send(c.id), 'hex') as id, c.name, c.email, c.status,
    {_CONTACTS.format("k.name, k.email, k.phone")},
    (select to_json(x) from (select (select coalesce(json_agg(t), '[]') from (
       select i.number, i.state, i.issue_date as "issueDate", {_AMOUNT.format("i.gross_total", "gross")}
         from invoice i where i.customer_id = c.id order by i.created_at desc, i.id desc limit 10) t) as nodes) x) as invoices
  from (select c.id, c.name, c.sort_name, c.email, c.status {_LISTED} limit 50) c
  order by c.sort_name, c.id) t) as nodes) p) as customers) d
"""
_ROWS = f"""
select to_json(d)::text from (select (select to_json(p) from (select (select coalesce(json_agg(t), '[]') from (
  select {_CUSTOMER}, c.status, c.account_number as "accountNumber"
    from customer c where c.archived_at is null and (c.sort_name, c.id) > ($1, $2)
   order by c.sort_name, c.id limit 1000) t) as nodes) p)
  as customers) d
"""
_SEARCH = f"""
select to_json(d)::text from (select (select to_json(p) from (select (select coalesce(json_agg(t), '[]') from (
  select {_CUSTOMER}, c.status, {_MANAGER} from bench.search_customers($1) c limit 25) t) as nodes) p) as customers) d
"""
_TIMELINE = """
select to_json(d)::text from (select (select to_json(r) from (select
  (select to_json(x) from (select (select coalesce(json_agg(t), '[]') from (
     select 'act_' || encode(uuid_send(a.id), 'hex') as id, a.type, a.title, a.description, a.occurred_at as "occurredAt",
            (select to_json(u) from (select name from staff_user where id = a.user_id) u) as user
       from activity a where a.customer_id = c.id order by a.occurred_at desc, a.id desc limit 25) t) as nodes) x) as activities
  from customer c where c.id = $1) r) as customer) d
"""
_WALK = f"""
select to_json(d)::text from (select (select to_json(p) from (select (select to_json(i) from (select {_CURSOR} as "endCursor"
  from customer c where c.archived_at is null and (c.sort_name, c.id) > ($1, $2) order by c.sort_name, c.id offset 99 limit 1) i)
  as "pageInfo") p) as customers) d
"""
_BEGINNING = ("", "00000000-0000-0000-0000-000000000000")


def _key(public: str) -> str:
    return public.rpartition("_")[2]


def _place(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return _BEGINNING
    _, name, key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return name, key


Bind = Callable[[dict[str, Any]], tuple[Any, ...]]
OPERATIONS: dict[str, tuple[str, Bind]] = {
    "Page": (_PAGE, lambda v: (v["country"], v["status"])),
    "View": (_VIEW, lambda v: (_key(v["id"]),)),
    "Nested": (_NESTED, lambda v: (v["country"], v["status"])),
    "Walk": (_WALK, lambda v: _place(v["after"])),
    "Rows": (_ROWS, lambda v: _place(v["after0"])),
    "Search": (_SEARCH, lambda v: (v["word"],)),
    "Timeline": (_TIMELINE, lambda v: (_key(v["id"]),)),
}


class _Pool:
    """Connections for single read statements: nothing to reset, so nothing is reset."""

    def __init__(self) -> None:
        self._free: deque[dict[str, Any]] = deque()
        self._waiting: deque[asyncio.Future[dict[str, Any]]] = deque()

    async def open(self) -> None:
        for _ in range(POOL):
            connection = await asyncpg.connect(
                server_settings=_SESSION
            )  # the address is in libpq's variables
            self._free.append({name: await connection.prepare(sql) for name, (sql, _) in OPERATIONS.items()})

    async def answer(self, operation: str, values: tuple[Any, ...]) -> bytes:
        if self._free:
            statements = self._free.pop()
        else:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            statements = await turn
        try:
            found: str = await statements[operation].fetchval(*values)
            return found.encode()
        finally:
            if self._waiting:
                self._waiting.popleft().set_result(statements)
            else:
                self._free.append(statements)


_pool = _Pool()
_TYPE = (b"content-type", b"application/json")


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await _pool.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    asked = orjson.loads(body)
    _, bind = OPERATIONS[asked["operationName"]]
    answer = b'{"data":' + await _pool.answer(asked["operationName"], bind(asked["variables"])) + b"}"
    headers = [_TYPE, (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
