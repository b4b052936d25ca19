"""What the database itself refuses, and the search columns and views it keeps.

Tortoise 1.1 does not create `Meta.constraints` with a table, and knows no triggers: they are written here as SQL.
tests/crm/test_guards.py proves that each one exists after `migrate`.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

EXTENSIONS = """
create extension if not exists pg_trgm;
create extension if not exists unaccent;
create extension if not exists citext;
create extension if not exists btree_gin;
create extension if not exists btree_gist;
-- In SQL it would cost more: a function that is less changeable than what it calls is not written into the statement.
create function kith_unaccented(text) returns text language plpgsql immutable strict parallel safe
  as $$ begin return lower(public.unaccent('public.unaccent'::regdictionary, $1)); end $$;
-- Most texts are ASCII, without accents. Not strict, so that PostgreSQL writes it into the statement: a call costs more.
create function kith_fold(text) returns text language sql immutable parallel safe
  as $$ select case when octet_length($1) = length($1) then lower($1) else public.kith_unaccented($1) end $$;
-- Taken away: what is left of the text without its digits. Half the cost of a regular expression.
create function kith_digits(text) returns text language sql immutable parallel safe
  as $$ select translate($1, translate($1, '0123456789', ''), '') $$;
"""

KERNEL = """
create unique index outbox_dedupe on outbox (dedupe_key) where state = 'PENDING';
create unique index outbox_once on outbox (once_key);
create index outbox_due on outbox (run_after) where state = 'PENDING';
create index outbox_leased on outbox (lease_until) where state = 'RUNNING';
create index outbox_dead on outbox (finished_at desc, id) where state = 'DEAD';
create index outbox_done on outbox (finished_at) where state = 'DONE';
alter table outbox add constraint outbox_running_has_lease check ((state = 'RUNNING') = (lease_until is not null));
alter table outbox add constraint outbox_finished check ((state in ('DONE', 'DEAD')) = (finished_at is not null));
create function kith_ring() returns trigger language plpgsql as $$
begin perform pg_notify('kith_outbox', ''); return null; end $$;
create trigger outbox_ring after insert on outbox for each statement execute function kith_ring();
create trigger outbox_ring_again after update of state on outbox for each row
  when (new.state = 'PENDING' and old.state <> 'PENDING') execute function kith_ring();
create unique index idempotency_key_caller on idempotency_key (caller, key);
create index idempotency_key_age on idempotency_key (created_at);
"""

ACCOUNTS = """
create unique index staff_user_email on staff_user (lower(email));
create unique index business_unit_name on business_unit (lower(name)) where archived_at is null;
create unique index unit_membership_pair on unit_membership (unit_id, user_id);
create index unit_membership_user on unit_membership (user_id);
create unique index login_access on login (access_hash);
create unique index login_refresh on login (refresh_hash);
create index login_family on login (family);
create index login_user on login (user_id, refresh_expires_at);
create unique index login_attempt_email on login_attempt (email_hash);
create index login_attempt_age on login_attempt (last_at);
create unique index api_token_hash on api_token (token_hash);
create index api_token_user on api_token (user_id, created_at);
"""

CUSTOMERS = """
create unique index pick_list_item_name on pick_list_item (list, lower(name)) where archived_at is null;
create index pick_list_item_order on pick_list_item (list, position, name);
alter table pick_list_item add constraint status_label_has_status check ((list = 'STATUS_LABEL') = (status is not null));
create unique index required_field_pair on required_field (phase, field);
alter table customer add constraint customer_name_not_empty check (name <> '');
alter table customer add constraint customer_email_not_empty check (email <> '');
alter table customer add constraint customer_status_follows_stage check ((status = 'PROSPECT') = (stage <> 'LIVE'));
alter table customer add constraint customer_probability_percent check (probability between 0 and 100);
alter table customer add constraint customer_contract_order check (contract_end >= contract_start);
alter table customer add constraint customer_review_in_contract
  check (contract_review is null or ((contract_start is null or contract_review >= contract_start)
                                 and (contract_end is null or contract_review <= contract_end)));
alter table customer add constraint customer_live_is_complete check (stage <> 'LIVE' or (
  registration_number is not null and account_number is not null and contract_start is not null
  and contract_end is not null and contract_review is not null and account_manager_id is not null));
alter table customer add constraint customer_block_has_reason check ((blocked_at is null) = (blocked_reason is null));
alter table customer add constraint customer_churn_has_reason check (status <> 'CHURNED' or churn_reason is not null);
alter table customer add constraint customer_one_discount check (discount_percent is null or discount_amount is null);
alter table customer add constraint customer_discount_range
  check (discount_percent between 0 and 100 and (discount_amount is null or discount_amount >= 0)
         or discount_percent is null and (discount_amount is null or discount_amount >= 0));
alter table customer add constraint customer_tax_rate_percent check (tax_rate between 0 and 100);
alter table customer add constraint customer_currency_code
  check (length(currency) = 3 and translate(currency, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '') = '');
alter table customer add constraint customer_country_code
  check (length(address_country) = 2 and translate(address_country, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '') = '');
alter table customer add constraint customer_manager_in_unit
  foreign key (unit_id, account_manager_id) references unit_membership (unit_id, user_id);
create unique index customer_account_number on customer (unit_id, account_number)
  where archived_at is null and account_number is not null;
create unique index customer_external_id on customer (unit_id, external_id)
  where archived_at is null and external_id is not null;
create index customer_registration on customer (unit_id, registration_number) where registration_number is not null;
create index customer_tags on customer using gin (tags);
-- Most customers leave most of these empty, and nobody looks for an empty one along an index: 0011 tells why.
create index customer_website on customer (website) where website is not null;
create index customer_postcode on customer (address_postcode) where address_postcode is not null;
create index customer_vat on customer (vat_id) where vat_id is not null;
create index customer_state on customer (address_state) where address_state is not null;
create index customer_contract_start on customer (contract_start) where contract_start is not null;
create index customer_contract_review on customer (contract_review) where contract_review is not null;
create index customer_blocked on customer (blocked_at) where blocked_at is not null;
create index customer_archived on customer (archived_at) where archived_at is not null;
-- What most have is no way to find some.
create index customer_consent on customer (consent) where consent <> 'UNKNOWN';
create index customer_language on customer (language) where language <> 'en';
create index customer_currency on customer (currency) where currency <> 'EUR';
create unique index customer_invoice_type_pair on customer_invoice_type (customer_id, picklistitem_id);
-- Names in the order in which people look for them. Tortoise has made columns like any other, and their indexes with them.
alter table customer drop column sort_name, drop column sort_email;
alter table customer add column sort_name text collate "C" generated always as (kith_fold(name)) stored not null;
alter table customer add column sort_email text collate "C" generated always as (lower(email)) stored not null;
-- Not led by the unit: the search asks for an address wherever it is, an import for one in its unit.
create index customer_email on customer (sort_email, id);
create index customer_unit_name on customer (unit_id, sort_name, id);
create index customer_name on customer (sort_name, id);
create index customer_status_name on customer (status, sort_name, id) where status <> 'PROSPECT';
create index customer_country_name on customer (address_country, sort_name, id);
create index customer_owner on customer (account_manager_id, sort_name, id) where account_manager_id is not null;
create index customer_service_manager on customer (service_manager_id, sort_name, id) where service_manager_id is not null;
create index customer_group on customer (customer_group_id, sort_name, id) where customer_group_id is not null;
create index customer_industry on customer (industry_id, sort_name, id) where industry_id is not null;
create index customer_source on customer (source_id, sort_name, id) where source_id is not null;
create index customer_provision on customer (service_provision_id, sort_name, id) where service_provision_id is not null;
create index customer_label on customer (status_label_id, sort_name, id) where status_label_id is not null;
create index customer_entity on customer (legal_entity_id, sort_name, id) where legal_entity_id is not null;
"""

CONTACTS = """
alter table contact add constraint contact_name_not_empty check (name <> '');
alter table contact add constraint contact_email_not_empty check (email <> '');
create index contact_consent on contact (consent) where consent <> 'UNKNOWN';
create index contact_title on contact (title) where title is not null;
create index contact_department on contact (department) where department is not null;
create unique index contact_one_primary on contact (customer_id) where is_primary;
create unique index contact_email on contact (lower(email), customer_id);
create function kith_contact_primary() returns trigger language plpgsql as $$
declare bereft uuid;
begin
  select c.customer_id into bereft from contact c
   where c.customer_id in (old.customer_id, new.customer_id)
     and not exists (select 1 from contact p where p.customer_id = c.customer_id and p.is_primary) limit 1;
  if bereft is not null then
    raise exception 'customer % has contacts but no primary one', bereft
      using errcode = 'check_violation', constraint = 'contact_has_primary';
  end if;
  return null;
end $$;
create constraint trigger contact_has_primary after update or delete on contact
  deferrable initially deferred for each row execute function kith_contact_primary();
create function kith_contacts_primary() returns trigger language plpgsql as $$
begin
  if exists (select 1 from added a where not a.is_primary and not exists
             (select 1 from contact c where c.customer_id = a.customer_id and c.is_primary)) then
    raise exception 'a customer has contacts but no primary one'
      using errcode = 'check_violation', constraint = 'contact_has_primary';
  end if;
  return null;
end $$;
create trigger contact_insert_has_primary after insert on contact referencing new table as added
  for each statement execute function kith_contacts_primary();
"""

ACTIVITIES = """
alter table activity add constraint activity_title_not_empty check (title <> '');
alter table activity add constraint activity_duration
  check (duration_minutes is null or (duration_minutes >= 0 and type in ('CALL', 'MEETING')));
create index activity_contact on activity (contact_id, occurred_at);
create index activity_invoice on activity (invoice_id) where invoice_id is not null;
create index activity_type on activity (type, occurred_at, id);
alter table activity add column search_text text generated always as
  (kith_fold(title || ' ' || coalesce(description, ''))) stored;
create index activity_search_text on activity using gin (search_text gin_trgm_ops);
-- What happened, not what is planned. The minute is for clocks that differ, and for the time the transaction takes.
create function kith_last_activity() returns trigger language plpgsql as $$
begin
  update customer c set last_activity_at = n.latest
    from (select customer_id, max(occurred_at) as latest from added
           where occurred_at <= clock_timestamp() + interval '1 minute' group by customer_id) n
   where c.id = n.customer_id and (c.last_activity_at is null or c.last_activity_at < n.latest);
  return null;
end $$;
create trigger activity_last after insert on activity referencing new table as added
  for each statement execute function kith_last_activity();
create function kith_last_activity_again() returns trigger language plpgsql as $$
begin
  update customer c set last_activity_at = (select max(occurred_at) from activity a
                                             where a.customer_id = c.id
                                               and a.occurred_at <= clock_timestamp() + interval '1 minute')
   where c.id = old.customer_id;
  return null;
end $$;
create trigger activity_last_again after delete or update of occurred_at on activity
  for each row execute function kith_last_activity_again();
"""

SEGMENTS = """
create unique index segment_name on segment (coalesce(unit_id, '00000000-0000-0000-0000-000000000000'), lower(name))
  where archived_at is null;
alter table segment add constraint segment_rule_if_dynamic check ((type = 'DYNAMIC') = (rule is not null));
create unique index segment_membership_open on segment_membership (segment_id, customer_id) where left_at is null;
alter table segment_membership add constraint membership_order check (left_at >= entered_at);
alter table segment add column search_text text generated always as
  (kith_fold(name || ' ' || coalesce(description, ''))) stored;
"""

INVOICES = """
create unique index legal_entity_name on legal_entity (lower(name)) where archived_at is null;
create unique index number_series_kind on number_series (legal_entity_id, kind);
create unique index number_counter_year on number_counter (series_id, year);
create unique index email_template_language on email_template (legal_entity_id, language);
create unique index invoice_number on invoice (legal_entity_id, number) where number is not null;
create unique index invoice_sequence on invoice (legal_entity_id, number_year, number_seq) where number is not null;
create unique index invoice_line_position on invoice_line (invoice_id, position);
create unique index invoice_tax_group on invoice_tax (invoice_id, category, rate);
create unique index delivery_message on delivery (message_id);
create index delivery_queued on delivery (created_at) where state = 'QUEUED';
alter table invoice add column search_text text generated always as
  (kith_fold(coalesce(number, '') || ' ' || coalesce(customer_reference, ''))) stored;
create index invoice_gross on invoice (gross_total, id);
create index invoice_open on invoice (due_total, id);
create index invoice_search_text on invoice using gin (search_text gin_trgm_ops);
alter table invoice add constraint invoice_numbered_when_issued check (
  (state = 'DRAFT') = (number is null) and (state = 'DRAFT') = (issue_date is null)
  and (state = 'DRAFT') = (frozen is null) and (number is null) = (number_seq is null));
alter table invoice add constraint invoice_not_negative check (
  net_total >= 0 and tax_total >= 0 and gross_total >= 0 and paid_total >= 0 and credited_total >= 0 and due_total >= 0);
alter table invoice add constraint invoice_gross_adds_up check (gross_total = net_total + tax_total);
alter table invoice add constraint invoice_net_adds_up check (net_total = lines_total - discount_total);
alter table invoice add constraint invoice_due_adds_up check (due_total = gross_total - paid_total - credited_total);
alter table invoice add constraint invoice_paid_in_full check (state <> 'PAID' or due_total = 0);
alter table invoice add constraint invoice_void_has_reason check ((state = 'VOID') = (void_reason is not null));
alter table invoice add constraint invoice_one_discount check (discount_percent is null or discount_amount is null);
alter table invoice add constraint invoice_pdf_whole check ((pdf_key is null) = (pdf_sha256 is null));
alter table invoice_line add constraint invoice_line_one_discount
  check (discount_percent is null or discount_amount is null);
alter table invoice_line add constraint invoice_line_price_not_negative check (unit_price >= 0);
alter table legal_entity add constraint legal_entity_name_not_empty check (name <> '');
alter table legal_entity add constraint legal_entity_code_form check (code ~ '^[A-Za-z0-9]{1,12}$');
alter table legal_entity add constraint legal_entity_terms_not_negative check (payment_terms_days >= 0);
alter table number_counter add constraint number_counter_positive check (next_seq >= 1);
alter table delivery add constraint delivery_sent_when check ((state = 'SENT') = (sent_at is not null));
alter table delivery add constraint delivery_failure_has_reason check (state <> 'FAILED' or reason is not null);
alter table payment add constraint payment_positive check (amount > 0);
create function kith_invoice_frozen() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if old.state <> 'DRAFT' then
      raise exception 'invoice % is issued and cannot be deleted', old.number
        using errcode = 'check_violation', constraint = 'invoice_frozen';
    end if;
    return old;
  end if;
  if old.state <> 'DRAFT' and (
       to_jsonb(new) - '{state,paid_total,credited_total,due_total,paid_at,voided_at,void_reason,pdf_key,pdf_sha256,pdf_size,version,updated_at,search_text,duplicate_of_id}'::text[]
    <> to_jsonb(old) - '{state,paid_total,credited_total,due_total,paid_at,voided_at,void_reason,pdf_key,pdf_sha256,pdf_size,version,updated_at,search_text,duplicate_of_id}'::text[]
    or new.state = 'DRAFT'
    or old.state in ('PAID', 'VOID') and new.state <> old.state
    or new.paid_total < old.paid_total or new.credited_total < old.credited_total
    or old.pdf_sha256 is not null and (new.pdf_sha256 is distinct from old.pdf_sha256
                                       or new.pdf_key is distinct from old.pdf_key)) then
    raise exception 'invoice % is issued and cannot be changed', old.number
      using errcode = 'check_violation', constraint = 'invoice_frozen';
  end if;
  return new;
end $$;
create trigger invoice_frozen before update or delete on invoice for each row execute function kith_invoice_frozen();
create function kith_invoice_part_frozen() returns trigger language plpgsql as $$
declare parent uuid := case when tg_op = 'DELETE' then old.invoice_id else new.invoice_id end;
begin
  if exists (select 1 from invoice where id = parent and state <> 'DRAFT')
     or tg_op = 'UPDATE' and exists (select 1 from invoice where id = old.invoice_id and state <> 'DRAFT') then
    raise exception 'the invoice is issued: its lines and taxes cannot be changed'
      using errcode = 'check_violation', constraint = 'invoice_frozen';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger invoice_line_frozen before insert or update or delete on invoice_line
  for each row execute function kith_invoice_part_frozen();
create trigger invoice_tax_frozen before insert or update or delete on invoice_tax
  for each row execute function kith_invoice_part_frozen();
create function kith_payment_kept() returns trigger language plpgsql as $$
begin
  raise exception 'a recorded payment cannot be changed or deleted'
    using errcode = 'check_violation', constraint = 'payment_kept';
end $$;
create trigger payment_kept before update or delete on payment for each row execute function kith_payment_kept();
create view customer_balance as
  select i.customer_id::text || ':' || i.currency as id, i.customer_id, i.currency,
         sum(i.gross_total)::numeric(20, 4) as invoiced, sum(i.paid_total)::numeric(20, 4) as paid,
         sum(i.due_total)::numeric(20, 4) as outstanding,
         coalesce(sum(i.due_total) filter
           (where i.state = 'SENT' and i.due_date < (now() at time zone i.time_zone)::date), 0)::numeric(20, 4) as overdue
    from invoice i
   where i.state in ('SENT', 'PAID')
   group by i.customer_id, i.currency;
"""

AUDIT = """
-- Kept as it was written: who reads it takes it apart, and a row of history is written far more often than it is read.
alter table history_entry alter column changes type json using changes::json;
-- What happened to a customer itself is found by the customer.
create index history_subject on history_entry (subject_id, created_at, id) where not (customer_id = subject_id);
"""

IMPORTS = """
alter table import add constraint import_adds_up
  check (rows_done = created_count + updated_count + skipped_count + failed_count);
alter table import add constraint import_finished check
  ((state in ('COMPLETED', 'CANCELLED', 'FAILED')) = (finished_at is not null));
create function kith_ascending(int[]) returns boolean language sql immutable strict parallel safe
  as $$ select $1 = array(select distinct line from unnest($1) line order by line) $$;
alter table imported_rows add constraint imported_rows_whole check
  (cardinality(lines) > 0 and cardinality(lines) = cardinality(outcomes)
                          and cardinality(lines) = cardinality(customer_ids));
-- Ids hardly get smaller.
alter table imported_rows alter column customer_ids set storage external;
alter table imported_rows add constraint imported_rows_ascend check (kith_ascending(lines));
-- No row of a file twice: within a chunk its lines ascend, and the chunks of an import do not overlap.
alter table imported_rows add constraint imported_row_once exclude using gist
  (run_id with =, int4range(lines[1], lines[cardinality(lines)], '[]') with &&);
create view imported_row as
  select r.run_id || ':' || n.line as id, r.run_id, n.line, n.outcome, n.customer_id
    from imported_rows r cross join unnest(r.lines, r.outcomes, r.customer_ids) as n (line, outcome, customer_id);
create unique index import_rejected_once on import_rejected_row (run_id, line);
"""

# Foreign keys of what an import writes, asked once a statement: decisions/0015 tells why.
NAMED = """
create function kith_unit_exists(key uuid, told text) returns void language plpgsql as $$
begin
  perform from business_unit where id = key for key share;
  if key is not null and not found then
    raise exception 'there is no business unit %', key using errcode = 'foreign_key_violation', constraint = told;
  end if;
end $$;
create function kith_user_exists(key uuid, told text) returns void language plpgsql as $$
begin
  perform from staff_user where id = key for key share;
  if key is not null and not found then
    raise exception 'there is no user %', key using errcode = 'foreign_key_violation', constraint = told;
  end if;
end $$;
create function kith_pick_exists(key uuid, told text) returns void language plpgsql as $$
begin
  perform from pick_list_item where id = key for key share;
  if key is not null and not found then
    raise exception 'there is no choice %', key using errcode = 'foreign_key_violation', constraint = told;
  end if;
end $$;
create function kith_entity_exists(key uuid, told text) returns void language plpgsql as $$
begin
  perform from legal_entity where id = key for key share;
  if key is not null and not found then
    raise exception 'there is no legal entity %', key using errcode = 'foreign_key_violation', constraint = told;
  end if;
end $$;
create function kith_manager_exists(unit uuid, manager uuid) returns void language plpgsql as $$
begin
  perform kith_user_exists(manager, 'customer_account_manager_id_fkey');
  perform from unit_membership where unit_id = unit and user_id = manager for key share;
  if unit is not null and manager is not null and not found then
    raise exception 'the user % is not in the business unit %', manager, unit
      using errcode = 'foreign_key_violation', constraint = 'customer_manager_in_unit';
  end if;
end $$;
create function kith_named_exists(kind text, key uuid, told text) returns void language plpgsql as $$
begin
  case kind
    when 'pick' then perform kith_pick_exists(key, told);
    when 'user' then perform kith_user_exists(key, told);
    when 'entity' then perform kith_entity_exists(key, told);
  end case;
end $$;
-- What most new customers leave empty is looked for only when one of the statement's fills any of it.
create function kith_customer_names() returns trigger language plpgsql as $$
declare
  named record;
  filled boolean := false;
begin
  for named in
    select unit_id, created_by_id, updated_by_id,
           bool_or(num_nonnulls(status_label_id, customer_group_id, industry_id, source_id, service_provision_id,
             account_manager_id, service_manager_id, legal_entity_id, consent_by_id, blocked_by_id) > 0) as filled
      from written group by unit_id, created_by_id, updated_by_id
  loop
    perform kith_unit_exists(named.unit_id, 'customer_unit_id_fkey');
    perform kith_user_exists(named.created_by_id, 'customer_created_by_id_fkey');
    perform kith_user_exists(named.updated_by_id, 'customer_updated_by_id_fkey');
    filled := filled or named.filled;
  end loop;
  if tg_op = 'UPDATE' or not filled then
    return null;
  end if;
  for named in select distinct unit_id, account_manager_id from written where account_manager_id is not null loop
    perform kith_manager_exists(named.unit_id, named.account_manager_id);
  end loop;
  for named in select distinct n.kind, n.key, n.told from written w cross join lateral (values
    ('pick', w.status_label_id, 'customer_status_label_id_fkey'),
    ('pick', w.customer_group_id, 'customer_customer_group_id_fkey'),
    ('pick', w.industry_id, 'customer_industry_id_fkey'),
    ('pick', w.source_id, 'customer_source_id_fkey'),
    ('pick', w.service_provision_id, 'customer_service_provision_id_fkey'),
    ('user', w.service_manager_id, 'customer_service_manager_id_fkey'),
    ('entity', w.legal_entity_id, 'customer_legal_entity_id_fkey'),
    ('user', w.consent_by_id, 'customer_consent_by_id_fkey'),
    ('user', w.blocked_by_id, 'customer_blocked_by_id_fkey')) n (kind, key, told) where n.key is not null
  loop
    perform kith_named_exists(named.kind, named.key, named.told);
  end loop;
  return null;
end $$;
-- A change is asked about as a foreign key asks: what it names anew, and nothing else. The trigger's condition is cheap.
create function kith_customer_names_anew() returns trigger language plpgsql as $$
declare named record;
begin
  if new.account_manager_id is distinct from old.account_manager_id or new.unit_id <> old.unit_id then
    perform kith_manager_exists(new.unit_id, new.account_manager_id);
  end if;
  for named in select n.kind, n.key, n.told from (values
    ('pick', old.status_label_id, new.status_label_id, 'customer_status_label_id_fkey'),
    ('pick', old.customer_group_id, new.customer_group_id, 'customer_customer_group_id_fkey'),
    ('pick', old.industry_id, new.industry_id, 'customer_industry_id_fkey'),
    ('pick', old.source_id, new.source_id, 'customer_source_id_fkey'),
    ('pick', old.service_provision_id, new.service_provision_id, 'customer_service_provision_id_fkey'),
    ('user', old.service_manager_id, new.service_manager_id, 'customer_service_manager_id_fkey'),
    ('entity', old.legal_entity_id, new.legal_entity_id, 'customer_legal_entity_id_fkey'),
    ('user', old.consent_by_id, new.consent_by_id, 'customer_consent_by_id_fkey'),
    ('user', old.blocked_by_id, new.blocked_by_id, 'customer_blocked_by_id_fkey')) n (kind, former, key, told)
   where n.key is distinct from n.former
  loop
    perform kith_named_exists(named.kind, named.key, named.told);
  end loop;
  return null;
end $$;
create function kith_contact_names() returns trigger language plpgsql as $$
declare named record;
begin
  for named in select distinct created_by_id from written loop
    perform kith_user_exists(named.created_by_id, 'contact_created_by_id_fkey');
  end loop;
  return null;
end $$;
create function kith_history_names() returns trigger language plpgsql as $$
declare named record;
begin
  for named in select distinct unit_id, user_id from written loop
    perform kith_unit_exists(named.unit_id, 'history_entry_unit_id_fkey');
    perform kith_user_exists(named.user_id, 'history_entry_user_id_fkey');
  end loop;
  return null;
end $$;
create function kith_unit_is_named() returns trigger language plpgsql as $$
begin
  if exists (select from customer where unit_id = old.id) or exists (select from history_entry where unit_id = old.id) then
    raise exception 'customers or history name the business unit %', old.id
      using errcode = 'foreign_key_violation', constraint = tg_name;
  end if;
  return null;
end $$;
create function kith_user_is_named() returns trigger language plpgsql as $$
begin
  if exists (select from customer where created_by_id = old.id or updated_by_id = old.id
               or consent_by_id = old.id or blocked_by_id = old.id)
     or exists (select from customer where account_manager_id = old.id)
     or exists (select from customer where service_manager_id = old.id)
     or exists (select from contact where created_by_id = old.id)
     or exists (select from history_entry where user_id = old.id) then
    raise exception 'customers, contacts or history name the user %', old.id
      using errcode = 'foreign_key_violation', constraint = tg_name;
  end if;
  return null;
end $$;
create function kith_member_is_named() returns trigger language plpgsql as $$
begin
  if exists (select from customer where account_manager_id = old.user_id and unit_id = old.unit_id) then
    raise exception 'the user % manages customers of the business unit %', old.user_id, old.unit_id
      using errcode = 'foreign_key_violation', constraint = 'customer_manager_in_unit';
  end if;
  return null;
end $$;
create function kith_pick_is_named() returns trigger language plpgsql as $$
begin
  if exists (select from customer where status_label_id = old.id)
     or exists (select from customer where customer_group_id = old.id)
     or exists (select from customer where industry_id = old.id)
     or exists (select from customer where source_id = old.id)
     or exists (select from customer where service_provision_id = old.id) then
    raise exception 'customers name the choice %', old.id using errcode = 'foreign_key_violation', constraint = tg_name;
  end if;
  return null;
end $$;
create function kith_entity_is_named() returns trigger language plpgsql as $$
begin
  if exists (select from customer where legal_entity_id = old.id) then
    raise exception 'customers name the legal entity %', old.id
      using errcode = 'foreign_key_violation', constraint = tg_name;
  end if;
  return null;
end $$;
alter table customer alter constraint customer_unit_id_fkey not enforced;
alter table customer alter constraint customer_created_by_id_fkey not enforced;
alter table customer alter constraint customer_updated_by_id_fkey not enforced;
alter table customer alter constraint customer_status_label_id_fkey not enforced;
alter table customer alter constraint customer_customer_group_id_fkey not enforced;
alter table customer alter constraint customer_industry_id_fkey not enforced;
alter table customer alter constraint customer_source_id_fkey not enforced;
alter table customer alter constraint customer_service_provision_id_fkey not enforced;
alter table customer alter constraint customer_account_manager_id_fkey not enforced;
alter table customer alter constraint customer_service_manager_id_fkey not enforced;
alter table customer alter constraint customer_legal_entity_id_fkey not enforced;
alter table customer alter constraint customer_consent_by_id_fkey not enforced;
alter table customer alter constraint customer_blocked_by_id_fkey not enforced;
alter table customer alter constraint customer_manager_in_unit not enforced;
alter table contact alter constraint contact_created_by_id_fkey not enforced;
alter table history_entry alter constraint history_entry_unit_id_fkey not enforced;
alter table history_entry alter constraint history_entry_user_id_fkey not enforced;
create trigger customer_insert_names after insert on customer referencing new table as written
  for each statement execute function kith_customer_names();
create trigger customer_update_names after update on customer referencing new table as written
  for each statement execute function kith_customer_names();
create trigger customer_names_anew after update on customer for each row when (
  new.unit_id <> old.unit_id or new.status_label_id is distinct from old.status_label_id
  or new.customer_group_id is distinct from old.customer_group_id or new.industry_id is distinct from old.industry_id
  or new.source_id is distinct from old.source_id or new.service_provision_id is distinct from old.service_provision_id
  or new.account_manager_id is distinct from old.account_manager_id or new.service_manager_id is distinct from old.service_manager_id
  or new.legal_entity_id is distinct from old.legal_entity_id or new.consent_by_id is distinct from old.consent_by_id
  or new.blocked_by_id is distinct from old.blocked_by_id)
  execute function kith_customer_names_anew();
create trigger contact_insert_names after insert on contact referencing new table as written
  for each statement execute function kith_contact_names();
create trigger contact_update_names after update on contact referencing new table as written
  for each statement execute function kith_contact_names();
create trigger history_insert_names after insert on history_entry referencing new table as written
  for each statement execute function kith_history_names();
create trigger history_update_names after update on history_entry referencing new table as written
  for each statement execute function kith_history_names();
create trigger business_unit_is_named after delete or update of id on business_unit
  for each row execute function kith_unit_is_named();
create trigger staff_user_is_named after delete or update of id on staff_user
  for each row execute function kith_user_is_named();
create trigger unit_membership_is_named after delete or update of unit_id, user_id on unit_membership
  for each row execute function kith_member_is_named();
create trigger pick_list_item_is_named after delete or update of id on pick_list_item
  for each row execute function kith_pick_is_named();
create trigger legal_entity_is_named after delete or update of id on legal_entity
  for each row execute function kith_entity_is_named();
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0001_initial")]

    operations = [
        ops.RunSQL(EXTENSIONS),
        ops.RunSQL(KERNEL),
        ops.RunSQL(ACCOUNTS),
        ops.RunSQL(CUSTOMERS),
        ops.RunSQL(CONTACTS),
        ops.RunSQL(ACTIVITIES),
        ops.RunSQL(SEGMENTS),
        ops.RunSQL(INVOICES),
        ops.RunSQL(AUDIT),
        ops.RunSQL(IMPORTS),
        ops.RunSQL(NAMED),
    ]
