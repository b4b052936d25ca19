"""What filters look for parts of texts in; docs/decisions/0025-letters-filed-behind-the-work.md tells why.

Beside customers and contacts stands a copy of those texts that the search does not go by, with an index of all their letters.
A statement that adds many rows, an import's, only notes which they are (`letters_due`), and a worker files them later. Who
reads looks through what is noted, too, so nothing is missing meanwhile.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

LETTERS = {
    "customer": (
        *("email", "phone", "website", "account_number", "registration_number", "vat_id", "external_id"),
        *("address_city", "address_state", "address_postcode", "language"),
    ),
    "contact": ("email", "phone", "title", "department"),
}

# Rows `first` to `last` of a table may have no letters yet. A statement that adds no more than 200 rows files them itself. The
# job is promised when the note is committed: until then another transaction that promises it, too, would wait for this one.
DUE = r"""
create table letters_due (
  id bigint generated always as identity primary key, of text not null, first uuid not null, last uuid not null,
  noted_at timestamptz not null default now());
create function kith_letters_promised() returns trigger language plpgsql as $$
begin
  if not exists (select from outbox where dedupe_key = 'file-letters' and state = 'PENDING') then
    insert into outbox (id, kind, payload, dedupe_key, run_after)
      values (uuidv7(), 'file-letters', '{}', 'file-letters', now() + interval '30 seconds') on conflict do nothing;
  end if;
  return null;
end $$;
create constraint trigger letters_due_promised after insert on letters_due deferrable initially deferred
  for each row execute function kith_letters_promised();
"""

# Whether so few rows have the pattern in a column that they are better found by their letters than met on a walk along an
# order: a walk to fifty of them passes 50 / share rows, a look finds share * rows. As far as the server's statistics tell; only
# how long an answer takes depends on it. Called immutable, so that a statement planned for its values knows before it is
# planned. Its own queries are the same each time, and planned once: that would take a millisecond.
FEW = r"""
create function kith_few(letters text, field text, pattern text) returns boolean
  language plpgsql immutable set plan_cache_mode = 'force_generic_plan' as $$
declare
  wanted text := lower(pattern);
  found boolean;
begin
  select share * share * rows < 50 into found
    from (select c.reltuples as rows,
                 (select coalesce(sum(f) filter (where v like wanted), 0)
                    from unnest(lower(s.most_common_vals::text)::text[], s.most_common_freqs) common(v, f))
                 + (select coalesce(avg((v like wanted)::int), 0) from unnest(lower(s.histogram_bounds::text)::text[]) v)
                   * (1 - s.null_frac - coalesce((select sum(f) from unnest(s.most_common_freqs) f), 0)) as share
            from pg_catalog.pg_stats s join pg_catalog.pg_class c on c.oid = ('public.' || letters)::regclass
           where s.schemaname = 'public' and s.tablename = letters and s.attname = field) told;
  return coalesce(found, true);
end $$;
"""


def _beside(table: str, columns: tuple[str, ...]) -> str:
    """SQL of the letters of a table and the triggers that keep them."""

    def listed(form: str) -> str:
        return ", ".join(form.format(column) for column in columns)

    return f"""
create table {table}_letters (
  id uuid primary key references {table} on update cascade on delete cascade, {listed("{} text")});
{"".join(f"alter table {table}_letters alter {column} set statistics 200;" for column in columns)}
create index {table}_letters_parts on {table}_letters using gin ({listed("{} gin_trgm_ops")});
create function kith_{table}_letters() returns trigger language plpgsql as $$
begin
  if (select count(*) from (select from added limit 201) a) <= 200 then
    insert into {table}_letters select id, {listed("{}")} from added;
  else
    insert into letters_due (of, first, last) values (
      '{table}', (select id from added order by id limit 1), (select id from added order by id desc limit 1));
  end if;
  return null;
end $$;
create trigger {table}_insert_letters after insert on {table} referencing new table as added
  for each statement execute function kith_{table}_letters();
create function kith_{table}_letters_again() returns trigger language plpgsql as $$
begin
  insert into {table}_letters values (new.id, {listed("new.{}")})
    on conflict (id) do update set {listed("{0} = excluded.{0}")};
  return null;
end $$;
create trigger {table}_update_letters after update of id, {listed("{}")} on {table} for each row
  when ((old.id, {listed("old.{}")}) is distinct from (new.id, {listed("new.{}")}))
  execute function kith_{table}_letters_again();
-- Files so many rows of a part of the table; how many it looked at, and the last. What was filed meanwhile stays.
create function kith_file_{table}(first uuid, last uuid, most int, out rows bigint, out reached uuid) language sql as $$
  with part as (select id, {listed("{}")} from {table} where id between first and last order by id limit most),
       filed as (insert into {table}_letters select * from part on conflict do nothing)
  select count(*), (select id from part order by id desc limit 1) from part $$;
insert into letters_due (of, first, last)
  select '{table}', (select id from {table} order by id limit 1), (select id from {table} order by id desc limit 1)
   where exists (select from {table});
"""  # noqa: S608  our own names


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_search")]

    operations = [
        ops.RunSQL(DUE),
        ops.RunSQL(FEW),
        *(ops.RunSQL(_beside(table, columns)) for table, columns in LETTERS.items()),
    ]
