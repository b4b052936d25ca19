-- Kith's text search for one word of four letters or more (crm/customers/search.py), for servers without one of their own:
-- letter by letter, and what is alike only where nothing that would be shown is found so. The second array is then not made.
create function bench.search_customers(word text) returns setof customer language sql stable parallel safe as $$
  select c.* from customer c
   where c.id = any(coalesce(
     nullif(array(select s.id from customer s where s.archived_at is null and s.id = any(array(
       select o.id from customer o where o.search_text like '%' || kith_fold(word) || '%'
       union all
       select k.customer_id from contact k where k.search_text like '%' || kith_fold(word) || '%'))), '{}'),
     array(select s.id from customer s where s.archived_at is null and s.id = any(array(
       select o.id from customer o
        where o.search_text like '%' || kith_fold(word) || '%' or o.search_text %> kith_fold(word)
       union all
       select k.customer_id from contact k
        where k.search_text like '%' || kith_fold(word) || '%' or k.search_text %> kith_fold(word))))))
   order by
     case when c.search_text like kith_fold(word) || '%' then 0
          when c.search_text like '%' || kith_fold(word) || '%' then 1
          when exists (select 1 from contact k where k.customer_id = c.id
                        and k.search_text like '%' || kith_fold(word) || '%') then 2
          else 3 + round(100 * (1 - greatest(word_similarity(kith_fold(word), c.search_text),
            (select max(word_similarity(kith_fold(word), k.search_text)) from contact k where k.customer_id = c.id))))::int
     end, c.sort_name, c.id
$$;

-- PostGraphile names types in the singular and would name this view's like the table's.
comment on view imported_row is '@name importedLine';
