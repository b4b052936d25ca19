"""Indexes for what lists of invoices and activities are filtered and sorted by; docs/decisions/0011 tells of customers'."""

from tortoise import migrations
from tortoise.migrations import operations as ops

# A choice of few values is in the order of the list, newest first; of what differs in most rows a narrow index is enough.
INVOICES = """
create index invoice_entity on invoice (legal_entity_id, created_at, id);
create index invoice_kind on invoice (invoice_type_id, created_at, id);
create index invoice_currency on invoice (currency, created_at, id);
create index invoice_reference on invoice (customer_reference);
create index invoice_net on invoice (net_total, id);
create index invoice_tax_total on invoice (tax_total);
create index invoice_paid on invoice (paid_total);
create index invoice_sent_at on invoice (sent_at);
create index invoice_paid_at on invoice (paid_at);
create index invoice_paid_newest on invoice (created_at, id) where paid_at is not null;
create index invoice_by_number on invoice (number, id);
create index invoice_by_state on invoice (state, id);
create index invoice_by_due_date on invoice (due_date, id);
create index invoice_updated on invoice (updated_at, id);
"""
ACTIVITIES = """
create index activity_outcome on activity (outcome, occurred_at, id);
create index activity_duration on activity (duration_minutes) where duration_minutes is not null;
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0004_letters")]

    operations = [ops.RunSQL(INVOICES), ops.RunSQL(ACTIVITIES)]
