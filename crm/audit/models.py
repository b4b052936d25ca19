"""The history: who changed what, when, through which door."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import Model, fields
from tortoise.fields.db_defaults import Now
from tortoise.indexes import Index

from crm.kernel.actor import Via
from crm.kernel.models import key

if TYPE_CHECKING:
    from crm.accounts.models import BusinessUnit, User


class HistoryEntry(Model):
    """One action on one record. `changes` is a list of {field, before, after}; it outlives its record.

    What an import created was nothing before: there `before` is left out.
    """

    id = key()
    subject_kind = fields.CharField(max_length=30)
    subject_id = fields.UUIDField()
    customer_id = fields.UUIDField(null=True)
    unit: "fields.ForeignKeyNullableRelation[BusinessUnit]" = fields.ForeignKeyField(
        "crm.BusinessUnit", related_name=False, on_delete=fields.RESTRICT, null=True
    )
    user: "fields.ForeignKeyNullableRelation[User]" = fields.ForeignKeyField(
        "crm.User", related_name=False, on_delete=fields.RESTRICT, null=True
    )
    actor_name = fields.CharField(max_length=120)
    via = fields.CharEnumField(Via, max_length=10)
    action = fields.CharField(max_length=60)
    changes: list[dict[str, Any]] = fields.JSONField(default=list)
    created_at = fields.DatetimeField(db_default=Now())

    unit_id: UUID | None
    user_id: UUID | None

    class Meta:
        table = "history_entry"
        indexes = (
            Index(fields=("customer_id", "created_at", "id"), name="history_customer"),
            Index(fields=("created_at", "id"), name="history_time"),
        )
