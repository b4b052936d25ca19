"""What was done with and for a customer."""

from enum import StrEnum
from uuid import UUID

from tortoise import Model, fields
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.indexes import Index

from crm.accounts.models import User
from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.kernel.models import key


class ActivityType(StrEnum):
    CALL = "CALL"
    EMAIL = "EMAIL"
    MEETING = "MEETING"
    NOTE = "NOTE"
    TASK = "TASK"
    DEAL_UPDATE = "DEAL_UPDATE"


class Outcome(StrEnum):
    POSITIVE = "POSITIVE"
    NEUTRAL = "NEUTRAL"
    NEGATIVE = "NEGATIVE"


class Activity(Model):
    id = key()
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "crm.Customer", related_name="activities", on_delete=fields.CASCADE
    )
    contact: fields.ForeignKeyNullableRelation[Contact] = fields.ForeignKeyField(
        "crm.Contact", related_name="activities", on_delete=fields.SET_NULL, null=True
    )
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "crm.User", related_name=False, on_delete=fields.RESTRICT, null=True
    )
    # The invoice a logged e-mail belongs to; no foreign key, so that this room need not know the one above it.
    invoice_id = fields.UUIDField(null=True)
    type = fields.CharEnumField(ActivityType, max_length=12)
    title = fields.CharField(max_length=200)
    description = fields.TextField(null=True)
    occurred_at = fields.DatetimeField()
    duration_minutes = fields.IntField(null=True)
    outcome = fields.CharEnumField(Outcome, max_length=10, null=True)
    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())

    customer_id: UUID
    contact_id: UUID | None
    user_id: UUID | None

    class Meta:
        table = "activity"
        indexes = (
            Index(fields=("customer_id", "occurred_at", "id"), name="activity_timeline"),
            Index(fields=("occurred_at", "id"), name="activity_time"),
            Index(fields=("user_id", "occurred_at", "id"), name="activity_person"),
        )
