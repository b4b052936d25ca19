"""Groups of customers: by hand, or by a rule that a worker keeps true."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from tortoise import Model, fields
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.indexes import Index

from crm.accounts.models import BusinessUnit, User
from crm.customers.models import Customer
from crm.kernel.models import key


class SegmentType(StrEnum):
    STATIC = "STATIC"
    DYNAMIC = "DYNAMIC"


class Segment(Model):
    """`rule` is the shared customer filter; None for a static segment. `unit` None: over every unit (admins)."""

    id = key()
    unit: fields.ForeignKeyNullableRelation[BusinessUnit] = fields.ForeignKeyField(
        "crm.BusinessUnit", related_name=False, on_delete=fields.RESTRICT, null=True
    )
    name = fields.CharField(max_length=120)
    description = fields.TextField(null=True)
    type = fields.CharEnumField(SegmentType, max_length=10)
    rule: dict[str, Any] | None = fields.JSONField(null=True)
    refreshed_at = fields.DatetimeField(null=True)
    stale_since = fields.DatetimeField(null=True)
    archived_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())
    created_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "crm.User", related_name=False, on_delete=fields.RESTRICT, null=True
    )

    memberships: "fields.ReverseRelation[SegmentMembership]"

    unit_id: UUID | None
    created_by_id: UUID | None

    class Meta:
        table = "segment"


class SegmentMembership(Model):
    """A stay of a customer in a segment; `left_at` is None while it lasts. Past stays are kept."""

    id = key()
    segment: fields.ForeignKeyRelation[Segment] = fields.ForeignKeyField(
        "crm.Segment", related_name="memberships", on_delete=fields.CASCADE
    )
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "crm.Customer", related_name="memberships", on_delete=fields.CASCADE
    )
    entered_at = fields.DatetimeField(db_default=Now())
    left_at = fields.DatetimeField(null=True)
    added_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "crm.User", related_name=False, on_delete=fields.RESTRICT, null=True
    )

    segment_id: UUID
    customer_id: UUID
    added_by_id: UUID | None

    class Meta:
        table = "segment_membership"
        indexes = (
            Index(fields=("segment_id", "entered_at", "id"), name="membership_segment"),
            Index(fields=("customer_id", "entered_at", "id"), name="membership_customer"),
        )
