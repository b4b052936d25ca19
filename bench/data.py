"""A database worth reading: made by PostgreSQL itself, the same every time."""

import asyncpg

from crm.kernel.database import credentials

_FILL = """
set session_replication_role = replica;
select setseed(0.42);
insert into business_unit (id, name, time_zone, version) values (uuidv7(), 'Bench', 'UTC', 1);
insert into staff_user (id, email, name, password_hash, role, active, version)
  values (uuidv7(), 'bench@kith.example', 'Bench', '!', 'ADMIN', true, 1);
insert into unit_membership (id, user_id, unit_id) select uuidv7(), u.id, b.id from staff_user u, business_unit b;
insert into legal_entity (id, name, address_country, currency, language, time_zone, payment_terms_days)
  values (uuidv7(), 'Bench Ltd', 'GB', 'EUR', 'en', 'UTC', 30);
insert into customer (id, unit_id, name, email, phone, stage, status, address_city, address_country, billing_same,
    registration_number, account_number, contract_start, contract_end, contract_review, contract_value, currency,
    account_manager_id, consent, language, tags, live_since)
  select uuidv7(), b.id, 'Customer ' || md5(n::text), 'office' || n || '@c' || n % 997 || '.example',
         '+49302312' || lpad((n % 1000)::text, 4, '0'), 'LIVE', 'ACTIVE', 'City ' || n % 50,
         (array['DE', 'FR', 'GB', 'ES', 'IT', 'PL'])[1 + n % 6], true, 'HRB ' || n, 'K' || n,
         '2024-01-01', '2030-12-31', '2028-01-01', n % 10000, 'EUR', u.id, 'GIVEN', 'en', array['wholesale'],
         now() from generate_series(1, $N) n, business_unit b, staff_user u;
insert into contact (id, customer_id, name, email, phone, title, is_primary, consent)
  select uuidv7(), c.id, 'Person ' || k || ' ' || left(c.name, 14), 'p' || k || '.' || c.email, c.phone, 'Buyer', k = 1,
         'GIVEN' from customer c, generate_series(1, 3) k;
insert into activity (id, customer_id, user_id, type, title, description, occurred_at)
  select uuidv7(), c.id, u.id, (array['CALL', 'EMAIL', 'MEETING', 'NOTE'])[1 + k % 4], 'Talked about ' || k,
         'What was said, and what comes next.', now() - (k * random() * 20 || ' days')::interval
    from customer c, generate_series(1, 10) k, staff_user u;
insert into invoice (id, customer_id, unit_id, legal_entity_id, state, number, number_year, number_seq, currency,
    language, issue_date, due_date, payment_terms_days, lines_total, net_total, tax_total, gross_total, due_total,
    discount_total, paid_total, credited_total, time_zone, frozen, sent_at)
  select uuidv7(), c.id, c.unit_id, e.id, 'SENT', 'B-' || row_number() over (), 2026, row_number() over (), 'EUR',
         'en', current_date - (k * 40), current_date - (k * 40) + 30, 30, 300, 300, 57, 357, 357, 0, 0, 0, 'UTC', '{}', now()
    from customer c, legal_entity e, generate_series(1, 2) k;
insert into invoice_line (id, invoice_id, position, description, quantity, unit_code, unit_price, tax_category,
    tax_rate, net, currency, discount_total)
  select uuidv7(), i.id, k, 'Goods of the kind ' || k, 10, 'C62', 10, 'S', 19, 100, 'EUR', 0
    from invoice i, generate_series(1, 3) k;
set session_replication_role = origin;
"""


async def fill(url: str, customers: int) -> None:
    """Customers with 3 contacts, 10 activities, 2 invoices and 6 lines each; vacuumed and analysed."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        await connection.execute(_FILL.replace("$N", str(customers)))
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
