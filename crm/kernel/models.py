"""Tables of the ground floor: the outbox and the remembered idempotency keys. Also columns every room shares."""

from enum import StrEnum
from typing import Any

from tortoise import Model, fields
from tortoise.fields.db_defaults import Now, SqlDefault

from crm.kernel.ids import uuid7


def key() -> Any:
    """The primary key of every table: uuid7, made here, or by the database in set-based SQL."""
    return fields.UUIDField(primary_key=True, default=uuid7, db_default=SqlDefault("uuidv7()"))


class FoldedText(fields.TextField):
    """A column that PostgreSQL makes of another one: to sort and to look up by, case apart, and accents in names."""

    allows_generated = True
    GENERATED_SQL = ""  # it is made by 0002_guards.py


class JobState(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    DEAD = "DEAD"


class OutboxJob(Model):
    """Work promised in a business transaction. PostgreSQL is the queue of record; arq only rings the bell."""

    id = key()
    kind = fields.CharField(max_length=60)
    payload: dict[str, Any] = fields.JSONField(default=dict)
    dedupe_key = fields.CharField(max_length=200, null=True)
    once_key = fields.CharField(max_length=200, null=True)
    state = fields.CharEnumField(
        JobState, max_length=10, default=JobState.PENDING, db_default=SqlDefault("'PENDING'")
    )
    attempts = fields.IntField(default=0, db_default=SqlDefault("0"))
    epoch = fields.IntField(default=0, db_default=SqlDefault("0"))
    run_after = fields.DatetimeField(db_default=Now())
    lease_until = fields.DatetimeField(null=True)
    offered_until = fields.DatetimeField(null=True)
    last_error = fields.TextField(null=True)
    created_at = fields.DatetimeField(db_default=Now())
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "outbox"


class IdempotencyKey(Model):
    """A mutation's key, remembered in the mutation's own transaction together with what it answered."""

    id = key()
    caller = fields.CharField(max_length=80)
    key = fields.CharField(max_length=200)
    request_hash = fields.CharField(max_length=64)
    answer: dict[str, Any] = fields.JSONField(default=dict)
    created_at = fields.DatetimeField(db_default=Now())

    class Meta:
        table = "idempotency_key"
