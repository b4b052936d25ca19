-- Kith's text search for one word of four letters or more (crm/customers/search.py), for servers without one of their own:
-- letter by letter, and what is alike only where nothing that would be shown is found so. The second array is then not made.
create function bench.search_customers(word text) returns setof customer language sql stable parallel safe as $$
  select c.* from customer c
   where c.id = any(coalesce(
     nullif(array(select s.id from customer s where s.archived_at is null and s.id = any(array(
       select o.id from customer o
        where kith_customer_words(o.name, o.email, o.people) @@ (select kith_letters(word))))), '{}'),
     array(select s.id from customer s where s.archived_at is null and s.id = any(array(
       select o.id from customer o
        where kith_customer_words(o.name, o.email, o.people) @@ (select kith_alike(word)))))))
   order by
     case when c.sort_name like kith_fold(word) || '%' then 0
          when kith_fold(c.name || ' ' || c.email) like '%' || kith_fold(word) || '%' then 1
          when kith_fold(c.name || ' ' || c.email || e'\n' || c.people) like '%' || kith_fold(word) || '%' then 2
          else 3 + round(100 * (1 - word_similarity(
            kith_fold(word), kith_fold(c.name || ' ' || c.email || e'\n' || c.people))))::int
     end, c.sort_name, c.id
$$;

-- PostGraphile names types in the singular and would name this view's like the table's.
comment on view imported_row is '@name importedLine';
