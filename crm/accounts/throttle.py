"""Guessing passwords gets slow: five tries in a row for an e-mail address, then a pause that doubles, to 15 minutes.

A try is counted before it is judged, so that a thousand at once are no way round; the right password clears the
count. Addresses nobody has are counted alike, so that a pause does not tell which exist. Only hashes are kept.
"""

import hashlib

from tortoise.connection import get_connection

from crm.accounts.errors import TooManyAttempts
from crm.kernel.transaction import in_progress
from crm.kernel.values import InvalidValue, parse_email

FREE_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 900

# `lower` is PostgreSQL's, here and in the look-up of users: no spelling of an address gets tries of its own.
# A row that is still blocked is left alone, and then nothing comes back.
_BEGIN = """
insert into login_attempt as known (email_hash, attempts)
values (encode(sha256(convert_to(lower($1), 'UTF8')), 'hex'), 1)
on conflict (email_hash) do update set
  attempts = case when known.last_at < now() - interval '1 day' then 1 else known.attempts + 1 end,
  blocked_until = case when known.last_at >= now() - interval '1 day' and known.attempts + 1 >= $2::int
    then now() + make_interval(secs => least($4::int, $3::int * 2 ^ least(known.attempts + 1 - $2::int, 20))) end,
  last_at = now()
where known.blocked_until is null or known.blocked_until <= now()
returning attempts
"""
_BLOCKED_UNTIL = """
select blocked_until from login_attempt where email_hash = encode(sha256(convert_to(lower($1), 'UTF8')), 'hex')
"""
_CLEAR = "delete from login_attempt where email_hash = encode(sha256(convert_to(lower($1), 'UTF8')), 'hex')"
_FORGET_OLD = """
delete from login_attempt where id in
  (select id from login_attempt where last_at < now() - interval '1 day' limit 20 for update skip locked)
"""


async def begin_attempt(email: str) -> None:
    """Counts a try for this address, and commits it. Raises TooManyAttempts, with the time to wait for.

    Not inside `transaction()`: a refusal would roll the count back.
    """
    if in_progress():
        raise RuntimeError("A try is counted for good, so it cannot be part of a transaction.")
    database = get_connection("default")
    values = [_counted_as(email), FREE_ATTEMPTS, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    begun = await database.execute_query_dict(_BEGIN, values)
    await database.execute_query(_FORGET_OLD)
    if not begun:
        blocked = await database.execute_query_dict(_BLOCKED_UNTIL, values[:1])
        raise TooManyAttempts(blocked[0]["blocked_until"] if blocked else None)


async def clear(email: str) -> None:
    """Forgets the tries: the password was right."""
    await get_connection("default").execute_query(_CLEAR, [_counted_as(email)])


def _counted_as(text: str) -> str:
    try:
        return parse_email(text)
    except InvalidValue:
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
