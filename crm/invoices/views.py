"""Reads that PostgreSQL computes: models over database views, outside the migrations."""

from tortoise import Model, fields


class CustomerBalance(Model):
    """What a customer was invoiced and owes, one row per currency. A view over issued, not voided invoices."""

    id = fields.CharField(primary_key=True, max_length=40)
    customer_id = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    invoiced = fields.DecimalField(max_digits=20, decimal_places=4)
    paid = fields.DecimalField(max_digits=20, decimal_places=4)
    outstanding = fields.DecimalField(max_digits=20, decimal_places=4)
    overdue = fields.DecimalField(max_digits=20, decimal_places=4)

    class Meta:
        table = "customer_balance"
