"""What a search knows of words that very many customers have; docs/decisions/0024-pages-of-what-many-have.md tells why.

Beside a customer's letters stand those of its own name and e-mail address together, so that those who have a word themselves
are told from those whose contacts have it. And beginnings of words that one customer in a hundred has are counted in a sample,
so that such a word is met on a walk and not looked for.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

LETTERS = (
    *("email", "phone", "website", "account_number", "registration_number", "vat_id", "external_id"),
    *("address_city", "address_state", "address_postcode", "language"),
)
_LISTED = ", ".join(LETTERS)
_NEW = ", ".join(f"new.{column}" for column in LETTERS)
_AGAIN = ", ".join(f"{column} = excluded.{column}" for column in (*LETTERS, "own"))

# As 0004_letters has them, and what a customer has itself. All customers are noted as due, as they were then.
OWN = f"""
alter table customer_letters add column own text;
alter table customer_letters alter column own set statistics 0;
create index customer_letters_own on customer_letters using gin (own gin_trgm_ops);
create function kith_own_text(sort_name text, email text) returns text language sql immutable parallel safe
  as $$ select sort_name || ' ' || public.kith_fold(email) $$;
create or replace function kith_customer_letters() returns trigger language plpgsql as $$
begin
  if (select count(*) from (select from added limit 201) a) <= 200 then
    insert into customer_letters (id, {_LISTED}, own) select id, {_LISTED}, kith_own_text(sort_name, email) from added;
  else
    insert into letters_due (of, first, last) values (
      'customer', (select id from added order by id limit 1), (select id from added order by id desc limit 1));
  end if;
  return null;
end $$;
create or replace function kith_customer_letters_again() returns trigger language plpgsql as $$
begin
  insert into customer_letters (id, {_LISTED}, own) values (new.id, {_NEW}, kith_own_text(new.sort_name, new.email))
    on conflict (id) do update set {_AGAIN};
  return null;
end $$;
drop trigger customer_update_letters on customer;
create trigger customer_update_letters after update of id, name, {_LISTED} on customer for each row
  when ((old.id, old.name, {_NEW.replace("new.", "old.")}) is distinct from (new.id, new.name, {_NEW}))
  execute function kith_customer_letters_again();
create or replace function kith_file_customer(first uuid, last uuid, most int, out rows bigint, out reached uuid)
  language sql as $$
  with part as (select id, {_LISTED}, kith_own_text(sort_name, email)
                  from customer where id between first and last order by id limit most),
       filed as (insert into customer_letters (id, {_LISTED}, own) select * from part on conflict do nothing)
  select count(*), (select id from part order by id desc limit 1) from part $$;
delete from letters_due where of = 'customer';
truncate customer_letters;
insert into letters_due (of, first, last)
  select 'customer', (select id from customer order by id limit 1), (select id from customer order by id desc limit 1)
   where exists (select from customer);
-- Those of whom the text holds the term, which has three letters in a row; null, if there are `most` or some are not filed yet.
-- No sequence of rows is read: the server, which is told the term later, would take it for a frequent one.
create function kith_own(term text, most int) returns uuid[] language plpgsql stable parallel safe
  set enable_seqscan = off as $$
declare
  found uuid[];
begin
  if exists (select from letters_due where of = 'customer') then
    return null;
  end if;
  found := array(select id from customer_letters where own like '%' || kith_fold(term) || '%' limit most);
  return case when cardinality(found) < most then found end;
end $$;
"""  # noqa: S608  our own names

# A walk along the names finds a page of 25 where one customer in a hundred has a word itself, or one in fifty has it with its
# contacts, in less time than a look for the word takes. Of few customers a look finds few anyway.
COMMON = r"""
create table search_common (beginning text collate "C" primary key, is_own boolean not null);
comment on table search_common is
  'Beginnings of words that very many customers have: themselves (is_own) or only with their contacts. Counted in a sample.';
create function kith_count_common(at_least int) returns void language plpgsql as $$
declare
  customers real := (select reltuples from pg_class where oid = 'customer'::regclass);
begin
  lock table search_common in share row exclusive mode;  -- who counts at the same time, after another import, waits
  delete from search_common;
  if customers >= at_least then
    insert into search_common (beginning, is_own)
      with sampled as materialized (
             select row_number() over () as n, kith_words(name || ' ' || email) as own, kith_words(left(people, 2000)) as theirs
               from customer tablesample system (least(100, 100 * 10000 / customers))),
           words as (select n, w, true as is_own from sampled, unnest(kith_pieces(own)) w
                     union all select n, w, false from sampled, unnest(kith_pieces(theirs)) w),
           begun as (select n, left(w, length) as beginning, bool_or(is_own) as is_own
                       from words, generate_series(1, least(char_length(w), 20)) length group by n, left(w, length)),
           counted as (select beginning, avg_of.of_all * count(*) filter (where is_own) as own, avg_of.of_all * count(*) as share
                         from begun, (select 1.0 / nullif(count(*), 0) as of_all from sampled) avg_of group by beginning, avg_of.of_all)
      select beginning, own >= 0.01 from counted where own >= 0.01 or share >= 0.02;
  end if;
end $$;
-- Whether very many have words that begin with each of the terms: themselves (true) or with their contacts (false). Null: not
-- known. In PL/pgSQL as what follows: of an SQL function, or of so long an expression, each search would take longer to begin.
create function kith_common(terms text[]) returns boolean language plpgsql stable parallel safe as $$
declare
  term text;
  is_own boolean := true; are_own boolean := true;
begin
  foreach term in array terms loop
    is_own := (select known.is_own from search_common known where known.beginning = kith_fold(term));
    exit when is_own is null;
    are_own := are_own and is_own;
  end loop;
  return case when is_own is not null then are_own end;
end $$;
-- Whether a customer has what is asked for with its contacts' words, and not itself. For a row at hand.
create function kith_has_with_contacts(
    sort_name text, name text, email text, people text, patterns text[], asked tsquery) returns boolean
  language plpgsql immutable parallel safe as $$
begin
  return not kith_own_text(sort_name, email) like all (patterns)
    and kith_fold(name || ' ' || email || e'\n' || people) like all (patterns)
    and kith_has_words(name, email, people, asked);
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0005_lists")]

    operations = [ops.RunSQL(OWN), ops.RunSQL(COMMON)]
