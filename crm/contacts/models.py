"""People at customers."""

from uuid import UUID

from tortoise import Model, fields
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.indexes import Index

from crm.accounts.models import User
from crm.customers.models import Consent, Customer
from crm.kernel.models import key


class Contact(Model):
    id = key()
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "crm.Customer", related_name="contacts", on_delete=fields.CASCADE
    )
    name = fields.CharField(max_length=200)
    email = fields.CharField(max_length=254)
    phone = fields.CharField(max_length=40, null=True)
    title = fields.CharField(max_length=120, null=True)
    department = fields.CharField(max_length=120, null=True)
    handle = fields.CharField(max_length=120, null=True)
    is_primary = fields.BooleanField(default=False)
    consent = fields.CharEnumField(Consent, max_length=10, default=Consent.UNKNOWN)
    consent_at = fields.DatetimeField(null=True)
    notes = fields.TextField(null=True)
    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())
    created_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "crm.User", related_name=False, on_delete=fields.RESTRICT, null=True
    )

    customer_id: UUID
    created_by_id: UUID | None

    class Meta:
        table = "contact"
        indexes = (Index(fields=("customer_id", "is_primary", "name", "id"), name="contact_customer"),)
