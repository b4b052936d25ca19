"""What the search of customers stands on; docs/decisions/0021-search-goes-by-words.md tells why.

A customer is found by the words of its name and e-mail address and of its contacts', one index of a column beside it that
repeats the contacts' (`people`). Which words there are at all is a table of its own: what is a part of a word, or much like
it, is looked up there first. Telephone numbers are looked up by how they begin and by how they end.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

WORDS = r"""
-- Folded, and what most often stands between words made a space: a fraction of what translate() or a pattern takes.
create function kith_spaced(text) returns text language sql immutable parallel safe as $$
  select replace(replace(replace(replace(replace(replace(replace(replace(
    public.kith_fold($1), '.', ' '), '@', ' '), '-', ' '), '&', ' '), ',', ' '), '''', ' '), '_', ' '), e'\n', ' ') $$;
-- The words of a text, with spaces between and perhaps around. The pattern is asked of the text as it came, or it would have
-- to be folded twice; behind the bar are the letters that become signs when they are folded.
create function kith_words(text) returns text language sql immutable parallel safe as $$
  select case when $1 ~ '[^[:alnum:] .@&,''_\n-]|[\u02ba\u02c6\u02cb\u02d0]'
         then regexp_replace(public.kith_spaced($1), '[^[:alnum:]]+', ' ', 'g') else public.kith_spaced($1) end $$;
-- PostgreSQL indexes no more than a megabyte of words: of thousands of contacts the last would be found by number only. Bytes
-- are compared first, for counting the letters costs a microsecond.
create function kith_customer_words(name text, email text, people text) returns tsvector
  language sql immutable parallel safe as $$
  select public.kith_words(name || ' ' || email || ' ' ||
           case when octet_length(people) > 200000 then left(people, 200000) else people end)::tsvector $$;
-- For a row at hand. In PL/pgSQL, so that it is not put into the statement: so long an expression costs a search a twentieth
-- of its time before it begins.
create function kith_has_words(name text, email text, people text, asked tsquery) returns boolean
  language plpgsql immutable parallel safe as $$
begin return public.kith_customer_words(name, email, people) @@ asked; end $$;
create function kith_person(name text, email text) returns text language sql immutable parallel safe
  as $$ select name || ' ' || email || e'\n' $$;

alter table customer add column people text not null default '';
create index customer_words on customer using gin (kith_customer_words(name, email, people));
-- Those of whom it knows not all contacts.
create index customer_crowded on customer (id) where octet_length(people) > 200000;

create table search_word (text text collate "C" not null, unused_since timestamptz);
comment on table search_word is 'Words of the names of customers and contacts, each once or a few times.';
create index search_word_text on search_word (text);
create index search_word_parts on search_word using gin (text gin_trgm_ops);
-- A word that was marked as unused is added again, so that whoever takes marked ones away takes none that is in use.
create function kith_names_written() returns trigger language plpgsql as $$
begin
  insert into search_word (text)
    select w from (select w from written, unnest(string_to_array(kith_words(name) collate "C", ' ')) w group by w) words
     where octet_length(w) > 3
       and not exists (select from search_word known where known.text = w and known.unused_since is null);
  return null;
end $$;
create trigger customer_insert_words after insert on customer referencing new table as written
  for each statement execute function kith_names_written();
create trigger contact_insert_words after insert on contact referencing new table as written
  for each statement execute function kith_names_written();
create function kith_name_changed() returns trigger language plpgsql as $$
begin
  insert into search_word (text)
    select w from unnest(string_to_array(kith_words(new.name), ' ')) w
     where octet_length(w) > 3
       and not exists (select from search_word known where known.text = w and known.unused_since is null);
  return null;
end $$;
create trigger customer_update_words after update of name on customer for each row
  when (old.name is distinct from new.name) execute function kith_name_changed();
create trigger contact_update_words after update of name on contact for each row
  when (old.name is distinct from new.name) execute function kith_name_changed();
"""

# What a text asks of the index of words. Each stands in a subquery of its own, to be made once for a statement.
LOOKS = r"""
create function kith_pieces(words text) returns text[] language sql immutable parallel safe
  as $$ select array_remove(string_to_array(words, ' '), '') $$;
-- Any of the words like the pattern; none, when there are none; null, when there are more than `most`. A pattern that is told
-- later might match anything: the words are fetched by it before they are told apart, or they would be read in their order.
create function kith_words_like(pattern text, most int) returns tsquery language sql stable parallel safe as $$
  select case when count(*) <= most then coalesce(string_agg(quote_literal(text), ' | '), quote_literal('-'))::tsquery end
    from (select distinct text from (select text from public.search_word where text like pattern offset 0) w) found $$;
-- Words that begin with a term or have it within; of a term with signs in it its pieces, the last as a beginning.
create function kith_letters(term text) returns tsquery language plpgsql stable parallel safe as $$
declare
  words text := public.kith_words(term);
  pieces text[] := public.kith_pieces(words);
  last text := pieces[cardinality(pieces)];
  found tsquery := (quote_literal(last) || case when words like '% ' then '' else ':*' end)::tsquery;
begin
  if words = last and octet_length(last) > 2 then
    return found || coalesce(public.kith_words_like('%' || last || '%', 1000), found);
  end if;
  for n in 1 .. cardinality(pieces) - 1 loop
    found := found && quote_literal(pieces[n])::tsquery;
  end loop;
  return found;
end $$;
-- The same, and the hundred words that are most alike.
create function kith_alike(term text) returns tsquery language sql stable parallel safe as $$
  select public.kith_letters(term) || coalesce(string_agg(quote_literal(text), ' | '), quote_literal('-'))::tsquery
    from (select text from (select distinct text from public.search_word where text %> public.kith_fold(term)) alike
           order by word_similarity(public.kith_fold(term), text) desc, text limit 100) best $$;
-- What every customer has whose name, or whose e-mail address, holds the content; others may have it, too. Never null.
-- Words of addresses are not in the table: of those, only what is surely a whole word or its beginning is asked for.
create function kith_holds(content text, is_name boolean) returns tsquery
  language plpgsql stable parallel safe as $$
declare
  words text := public.kith_words(content);
  pieces text[] := public.kith_pieces(words);
  whole boolean; open boolean;
  one tsquery; found tsquery;
begin
  for n in 1 .. cardinality(pieces) loop
    whole := n > 1 or words like ' %';
    open := n = cardinality(pieces) and words not like '% ';
    one := (quote_literal(pieces[n]) || case when open then ':*' else '' end)::tsquery;
    if not whole then
      one := case when is_name and octet_length(pieces[n]) > 2
             then one || public.kith_words_like('%' || pieces[n] || case when open then '%' else '' end, 1000) end;
    end if;
    found := coalesce(found && one, found, one);
  end loop;
  return coalesce(found, ('!' || quote_literal('-'))::tsquery);
end $$;
"""

# Who writes a contact writes it into its customer, too, unless an import has already. The same look finds the contact whose
# customer is not there, in place of a foreign key that asks row by row: decisions/0015. The lateral subquery, which PostgreSQL
# joins in no other way, looks up what each row names, or all customers would be read for each chunk.
PEOPLE = r"""
create function kith_customer_exists(key uuid) returns void language plpgsql as $$
begin
  perform from customer where id = key for key share;
  if not found then
    raise exception 'there is no customer %', key
      using errcode = 'foreign_key_violation', constraint = 'contact_customer_id_fkey';
  end if;
end $$;
-- A customer that this transaction wrote is there until it ends; any other one is locked, so that it stays.
create function kith_contacts_added() returns trigger language plpgsql as $$
declare
  others boolean; lacking boolean;
  named uuid;
begin
  select bool_or(c.is_ours is not true), bool_or(strpos(e'\n' || c.people, e'\n' || kith_person(a.name, a.email)) = 0)
    into others, lacking
    from added a left join lateral
         (select people, xmin = pg_current_xact_id()::xid as is_ours from customer where id = a.customer_id offset 0) c on true;
  if others then
    for named in select distinct customer_id from added order by 1 loop
      perform kith_customer_exists(named);
    end loop;
  end if;
  if others or lacking then
    update customer c set people = c.people || n.lines
      from (select a.customer_id, string_agg(kith_person(a.name, a.email), '' order by a.id) as lines
              from added a cross join lateral (select people from customer where id = a.customer_id offset 0) o
             where strpos(e'\n' || o.people, e'\n' || kith_person(a.name, a.email)) = 0
             group by a.customer_id) n
     where c.id = n.customer_id;
  end if;
  return null;
end $$;
create trigger contact_insert_customer after insert on contact referencing new table as added
  for each statement execute function kith_contacts_added();
-- The customer is locked first, so that what is read then is all there is.
create function kith_people_again(customer_key uuid) returns void language plpgsql as $$
begin
  perform from customer where id = customer_key for no key update;
  update customer set people = (select coalesce(string_agg(kith_person(k.name, k.email), '' order by k.id), '')
                                  from contact k where k.customer_id = customer_key)
   where id = customer_key;
end $$;
create function kith_person_changed() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.customer_id <> old.customer_id then
    perform kith_customer_exists(new.customer_id);
    perform kith_people_again(new.customer_id);
  end if;
  perform kith_people_again(old.customer_id);
  return null;
end $$;
create trigger contact_update_customer after update of name, email, customer_id on contact for each row
  when ((old.name, old.email, old.customer_id) is distinct from (new.name, new.email, new.customer_id))
  execute function kith_person_changed();
create trigger contact_delete_people after delete on contact for each row execute function kith_person_changed();
-- What a foreign key does on its other side.
create function kith_contacts_go() returns trigger language plpgsql as $$
begin delete from contact where customer_id = old.id; return null; end $$;
create trigger customer_delete_contacts after delete on customer for each row execute function kith_contacts_go();
create function kith_customer_is_named() returns trigger language plpgsql as $$
begin
  if exists (select from contact where customer_id = old.id) then
    raise exception 'contacts name the customer %', old.id using errcode = 'foreign_key_violation', constraint = tg_name;
  end if;
  return null;
end $$;
create trigger customer_is_named after update of id on customer for each row execute function kith_customer_is_named();
alter table contact alter constraint contact_customer_id_fkey not enforced;
"""

# Compared by character, whatever the collation. A number as its own country dials it is the end of the whole one, and
# begins behind a country's code. ITU-T E.164 has codes of one, two and three digits; of the latter all that could be are
# tried. In Italy the zero is part of the number. ':' is the character after 9.
NUMBERS = r"""
create function kith_number(text) returns text language sql immutable parallel safe
  as $$ select public.kith_digits(split_part($1, ';', 1)) $$;
create function kith_number_ends(digits text) returns setof uuid language sql stable parallel safe as $$
  select id from customer where reverse(public.kith_number(phone)) ~>=~ reverse(digits)
                            and reverse(public.kith_number(phone)) ~<~ (reverse(digits) || ':')
  union all
  select id from customer where reverse(public.kith_number(fax)) ~>=~ reverse(digits)
                            and reverse(public.kith_number(fax)) ~<~ (reverse(digits) || ':')
  union all
  select customer_id from contact where reverse(public.kith_number(phone)) ~>=~ reverse(digits)
                                    and reverse(public.kith_number(phone)) ~<~ (reverse(digits) || ':') $$;
create function kith_calling_codes() returns setof text language sql immutable parallel safe as $$
  select unnest(string_to_array(
    '1 7 20 27 30 31 32 33 34 36 39 390 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 '
    || '90 91 92 93 94 95 98', ' '))
  union all
  select begins || digit from unnest(string_to_array(
    '21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 83 85 87 88 89 96 97 99', ' ')) begins, generate_series(0, 9) digit $$;
create function kith_number_heads(digits text) returns setof text language sql immutable parallel safe as $$
  select unnest(array[digits, '0' || digits, '+' || digits])
  union all select '+' || code || digits from public.kith_calling_codes() code $$;
create function kith_number_begins(digits text) returns setof uuid language sql stable parallel safe as $$
  select c.id from public.kith_number_heads(digits) head, customer c where c.phone ~>=~ head and c.phone ~<~ (head || ':')
  union all
  select c.id from public.kith_number_heads(digits) head, customer c where c.fax ~>=~ head and c.fax ~<~ (head || ':')
  union all
  select k.customer_id from public.kith_number_heads(digits) head, contact k
   where k.phone ~>=~ head and k.phone ~<~ (head || ':') $$;
create index customer_phone on customer (reverse(kith_number(phone)) text_pattern_ops) where phone is not null;
create index customer_phone_begins on customer (phone text_pattern_ops) where phone is not null;
create index customer_fax on customer (reverse(kith_number(fax)) text_pattern_ops) where fax is not null;
create index customer_fax_begins on customer (fax text_pattern_ops) where fax is not null;
create index contact_phone on contact (reverse(kith_number(phone)) text_pattern_ops) where phone is not null;
create index contact_phone_begins on contact (phone text_pattern_ops) where phone is not null;
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0002_guards")]

    operations = [ops.RunSQL(WORDS), ops.RunSQL(LOOKS), ops.RunSQL(PEOPLE), ops.RunSQL(NUMBERS)]
