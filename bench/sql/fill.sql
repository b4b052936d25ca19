-- $CUSTOMERS customers with three contacts, $ACTIVITIES activities, two invoices and six lines each on average.
-- One customer in ten is a big one and has most of them, so that its pages are full; see `bench.children`.
-- Everything follows from a row's number: the same size is the same data, on every machine, down to the ids.
set local session_replication_role = replica;
set local synchronous_commit = off;

create schema bench;

-- A whole number below `below`, as good as random; `salt` tells the uses of one number apart.
create function bench.pick(number bigint, salt int, below int) returns int language sql immutable parallel safe
  as $$ select ((hashint8extended(number, salt) & 2147483647) % below)::int $$;

-- An id like uuid7's: rows of one table in the order of their numbers.
create function bench.id(kind int, number bigint) returns uuid language sql immutable parallel safe
  as $$ select ('01980000-000' || kind || '-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid $$;

-- One of $WORDS invented words of eight letters. There are more of them the more customers there are: what somebody
-- looks for is as rare in a large book of customers as in a small one.
create function bench.word(number bigint, salt int) returns text language sql immutable parallel safe as $$
  select substr('bdfghjklmnprstvz', 1 + (h % 16)::int, 1) || substr('aeiou', 1 + (h / 16 % 5)::int, 1)
         || substr('lnrsmtkd', 1 + (h / 80 % 8)::int, 1) || substr('bdfghjklmnprstvz', 1 + (h / 640 % 16)::int, 1)
         || substr('aeiou', 1 + (h / 10240 % 5)::int, 1) || substr('bdfghjklmnprstvz', 1 + (h / 51200 % 16)::int, 1)
         || substr('aeiou', 1 + (h / 819200 % 5)::int, 1) || substr('lnrsmtkd', 1 + (h / 4096000 % 8)::int, 1)
    from (select hashint8extended(bench.pick(number, salt, $WORDS), 7) & 9223372036854775807 as h) w
$$;

-- Which of a customer's children are rows: the first `small` of each, and all `big` of one in ten.
create function bench.children(number bigint, big int, small int) returns int language sql immutable parallel safe
  as $$ select case when number % 10 = 0 then big else small end $$;

-- The k-th person of a customer; `seq` is the row's number.
create function bench.person(seq bigint) returns text language sql immutable parallel safe as $$
  select (array['Ann', 'Ben', 'Carla', 'Dmitri', 'Emre', 'Fiona', 'Goran', 'Hanna', 'Ivo', 'Jana', 'Karim', 'Lena',
                'Marco', 'Nadia', 'Omar', 'Petra'])[1 + bench.pick(seq, 44, 16)] || ' ' || initcap(bench.word(seq, 500))
$$;
create function bench.address(number bigint, k int, person text) returns text language sql immutable parallel safe as $$
  select replace(lower(person), ' ', '.') || k || '@' || bench.word(number, 600) || number || '.example'
$$;

insert into business_unit (id, name, time_zone, version, created_at)
  select bench.id(1, n), 'Unit ' || n, 'UTC', 1, '2024-01-01' from generate_series(1, 4) n;
insert into staff_user (id, email, name, password_hash, role, active, version, created_at)
  select bench.id(2, n), 'person' || n || '@kith.example', 'Ada ' || initcap(bench.word(n, 900)), '!',
         case n when 1 then 'MANAGER' else 'AGENT' end, true, 1, '2024-01-01' from generate_series(1, 20) n;
insert into unit_membership (id, user_id, unit_id, created_at)
  select bench.id(3, u * 10 + b), bench.id(2, u), bench.id(1, b), '2024-01-01'
    from generate_series(1, 20) u, generate_series(1, 4) b;
insert into legal_entity (id, name, address_country, currency, language, time_zone, payment_terms_days, created_at)
  values (bench.id(4, 1), 'Bench Ltd', 'GB', 'EUR', 'en', 'UTC', 30, '2024-01-01');

insert into customer (id, unit_id, name, email, people, phone, website, stage, status, churned_at, churn_reason, live_since,
    account_manager_id, address_street, address_city, address_postcode, address_country, billing_same,
    registration_number, vat_id, account_number, contract_start, contract_end, contract_review, contract_value,
    probability, currency, payment_terms_days, consent, language, tags, archived_at, last_activity_at,
    created_at, updated_at, created_by_id)
  select bench.id(5, n), bench.id(1, 1 + bench.pick(n, 1, 4)),
         initcap(word) || ' ' || trades[1 + bench.pick(n, 2, 20)] || ' ' || forms[1 + bench.pick(n, 3, 6)],
         'office@' || word || n || '.example',
         (select string_agg(kith_person(person, bench.address(n, k, person)), '' order by k)
            from (select k, bench.person(k::bigint << 24 | n) as person from generate_series(1, 12) k) p
           where k <= bench.children(n, 12, 2)),
         '+4930' || 1000000 + bench.pick(n, 4, 9000000),
         'https://www.' || word || n || '.example',
         case when kind < 15 then 'LIVE' else stages[1 + bench.pick(n, 5, 4)] end,
         case when kind < 11 then 'ACTIVE' when kind < 13 then 'INACTIVE' when kind < 15 then 'CHURNED' else 'PROSPECT' end,
         case when kind in (13, 14) then timestamptz '2025-06-01' end, case when kind in (13, 14) then 'Too dear.' end,
         case when kind < 15 then date '2024-01-01' + bench.pick(n, 6, 700) end,
         bench.id(2, 1 + bench.pick(n, 7, 20)),
         bench.pick(n, 8, 200) + 1 || ' ' || initcap(bench.word(n, 700)) || ' Street',
         initcap(bench.word(bench.pick(n, 9, 500), 800)), lpad(bench.pick(n, 10, 100000)::text, 5, '0'),
         countries[1 + bench.pick(n, 11, 50)], true, 'HRB ' || n, 'DE' || lpad(n::text, 9, '0'), 'K' || n,
         date '2024-01-01' + bench.pick(n, 12, 365), date '2027-01-01' + bench.pick(n, 13, 1000), '2026-06-01',
         bench.pick(n, 14, 1000000) / 10.0, case when kind < 15 then 100 else bench.pick(n, 15, 100) end,
         (array['EUR', 'EUR', 'EUR', 'GBP', 'USD'])[1 + bench.pick(n, 16, 5)], 30, 'GIVEN', 'en',
         array[(array['wholesale', 'retail', 'key account', 'north', 'south'])[1 + bench.pick(n, 17, 5)]],
         case when n % 50 = 7 then timestamptz '2025-12-01' end,
         timestamptz '2026-01-01' - make_interval(secs => bench.pick(n << 8 | bench.children(n, $BIG, $SMALL), 30, 700000)),
         timestamptz '2024-01-01' + make_interval(secs => n), timestamptz '2025-01-01' + make_interval(secs => bench.pick(n, 18, 30000000)),
         bench.id(2, 1)
    from (select n, bench.pick(n, 20, 20) as kind, bench.word(n, 600) as word from generate_series(1, $CUSTOMERS) n) c,
         (select string_to_array('DE FR GB ES IT PL NL BE AT CH SE NO DK FI IE PT CZ SK HU RO BG GR HR SI EE LV LT LU US CA'
                                 ' MX BR AR CL JP KR CN IN AU NZ ZA EG MA TR IL AE SG MY TH VN', ' ') as countries,
                 string_to_array('Foods Logistics Media Energy Labs Health Retail Finance Works Systems Trading Textiles'
                                 ' Printing Motors Paper Glass Tools Events Travel Design', ' ') as trades,
                 string_to_array('GmbH Ltd SA BV Inc AB', ' ') as forms,
                 array['PROSPECT', 'WARM_LEAD', 'QUALIFIED', 'PROPOSAL'] as stages) w;

-- Children come year after year, not customer by customer: one customer's lie on many pages, as they do in life.
insert into contact (id, customer_id, name, email, phone, title, department, is_primary, consent, created_at, created_by_id)
  select bench.id(6, seq), bench.id(5, n), person, bench.address(n, k, person),
         '+4917' || 10000000 + bench.pick(seq, 41, 90000000),
         (array['Buyer', 'Head of Purchasing', 'Accountant', 'Managing Director'])[1 + bench.pick(seq, 42, 4)],
         (array['Purchasing', 'Accounts', null, 'Sales'])[1 + bench.pick(seq, 43, 4)], k = 1, 'GIVEN', '2025-01-01', bench.id(2, 1)
    from (select n, k, k::bigint << 24 | n as seq, bench.person(k::bigint << 24 | n) as person
            from generate_series(1, 12) k, generate_series(1, $CUSTOMERS) n
           where k <= bench.children(n, 12, 2) order by k, n) c;
-- What triggers would have written, which do nothing here.
insert into search_word (text)
  select distinct word from (select name from customer union all select name from contact) named,
         unnest(string_to_array(kith_words(name), ' ')) word
   where octet_length(word) > 3;
select kith_file_customer(bench.id(5, 0), bench.id(6, 0), $CUSTOMERS);
select kith_file_contact(bench.id(6, 0), bench.id(7, 0), 10 * $CUSTOMERS);

insert into activity (id, customer_id, contact_id, user_id, type, title, description, occurred_at, duration_minutes, outcome,
    created_at, updated_at)
  select bench.id(7, seq), bench.id(5, n), case when bench.pick(seq, 51, 2) = 0 then bench.id(6, 1 << 24 | n) end,
         bench.id(2, 1 + bench.pick(seq, 52, 20)), type,
         (array['Offer for', 'Question about', 'Order of', 'Complaint about', 'Visit because of', 'News of', 'Plans for',
                'Price of'])[1 + bench.pick(seq, 53, 8)] || ' lot ' || bench.pick(seq, 400, 100000),
         (array['Talked about delivery and price of lot ', 'Nobody there; left word about lot ', 'They want a new offer for lot ',
                'Agreed on the next steps for lot ', 'They are not happy with lot '])[1 + bench.pick(seq, 57, 5)]
         || bench.pick(seq, 400, 100000) || ', and what comes next.',
         at, case when type in ('CALL', 'MEETING') then 5 + bench.pick(seq, 54, 85) end,
         (array['POSITIVE', 'NEUTRAL', 'NEGATIVE', null])[1 + bench.pick(seq, 55, 4)], at, at
    from (select n, k::bigint << 24 | n as seq,
                 (array['CALL', 'EMAIL', 'MEETING', 'NOTE', 'TASK', 'CALL'])[1 + bench.pick(k::bigint << 24 | n, 56, 6)] as type,
                 timestamptz '2026-01-01' - make_interval(
                   days => 9 * (bench.children(n, $BIG, $SMALL) - k), secs => bench.pick(n << 8 | k, 30, 700000)) as at
            from generate_series(1, $BIG) k, generate_series(1, $CUSTOMERS) n
           where k <= bench.children(n, $BIG, $SMALL) order by k, n) a;

create unlogged table bench.line as
  select i.n, i.k, i.seq, l as position, 1 + bench.pick(i.seq << 3 | l, 61, 9) as quantity,
         (1000 + bench.pick(i.seq << 3 | l, 62, 99000)) / 100.0 as price
    from (select n, k, k::bigint << 24 | n as seq from generate_series(1, 11) k, generate_series(1, $CUSTOMERS) n
           where k <= bench.children(n, 11, 1) order by k, n) i,
         lateral generate_series(1, 1 + bench.pick(i.seq, 63, 5)) l;

insert into invoice_line (id, invoice_id, position, description, quantity, unit_code, unit_price, tax_category, tax_rate,
    net, currency, discount_total)
  select bench.id(9, seq << 3 | position), bench.id(8, seq), position,
         (array['Delivery of', 'Hours for', 'Repair of', 'Goods:'])[1 + bench.pick(seq << 3 | position, 64, 4)]
         || ' lot ' || bench.pick(seq << 3 | position, 300, 100000), quantity, 'C62', price, 'S', 19, quantity * price, 'EUR', 0
    from bench.line;

-- The last invoice of a customer is still to be paid, of every twentieth it is a draft.
insert into invoice (id, customer_id, unit_id, legal_entity_id, state, number, number_year, number_seq, currency, language,
    issue_date, due_date, payment_terms_days, time_zone, lines_total, discount_total, net_total, tax_total, gross_total,
    paid_total, credited_total, due_total, frozen, sent_at, paid_at, created_at, updated_at, created_by_id)
  select bench.id(8, seq), bench.id(5, n), bench.id(1, 1 + bench.pick(n, 1, 4)), bench.id(4, 1), state,
         case when state <> 'DRAFT' then 'INV-' || lpad(seq::text, 9, '0') end,
         case when state <> 'DRAFT' then 2026 end, case when state <> 'DRAFT' then seq end, 'EUR', 'en',
         case when state <> 'DRAFT' then day end, case when state <> 'DRAFT' then day + 30 end, 30, 'UTC',
         net, 0, net, tax, net + tax, case when state = 'PAID' then net + tax else 0 end, 0,
         case when state = 'PAID' then 0 else net + tax end,
         case when state <> 'DRAFT' then jsonb_build_object(
           'seller', jsonb_build_object('name', 'Bench Ltd', 'address', jsonb_build_object('street', '1 High Street',
             'city', 'London', 'postcode', 'N1 1AA', 'country', 'GB'), 'bank', jsonb_build_object('iban', 'GB33BUKB20201555555555')),
           'buyer', jsonb_build_object('name', initcap(bench.word(n, 600)), 'address', jsonb_build_object('street',
             initcap(bench.word(n, 700)) || ' Street', 'city', 'Berlin', 'country', 'DE'), 'account_number', 'K' || n)) end,
         case when state <> 'DRAFT' then day end, case when state = 'PAID' then day + 20 end,
         day + make_interval(secs => bench.pick(seq, 71, 80000)), day, bench.id(2, 1)
    from (select n, k, seq, sum(quantity * price) as net, round(sum(quantity * price) * 0.19, 2) as tax,
                 case when k < bench.children(n, 11, 1) then 'PAID' when n % 20 = 3 then 'DRAFT' else 'SENT' end as state,
                 date '2026-01-01' - 30 * (bench.children(n, 11, 1) - k) - bench.pick(seq, 72, 29) as day
            from bench.line group by n, k, seq order by k, n) i;

insert into invoice_tax (id, invoice_id, category, rate, currency, base, tax)
  select i.id, i.id, 'S', 19, 'EUR', i.net_total, i.tax_total from invoice i;

drop table bench.line;
