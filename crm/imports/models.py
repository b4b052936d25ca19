"""A CSV file on its way to becoming customers."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from tortoise import Model, fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.indexes import Index

from crm.accounts.models import BusinessUnit, User
from crm.kernel.models import key


class ImportState(StrEnum):
    """UPLOADED (mapping can change) → PREVIEWING → READY → RUNNING → COMPLETED, or CANCELLED, or FAILED."""

    UPLOADED = "UPLOADED"
    PREVIEWING = "PREVIEWING"
    READY = "READY"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


class DuplicateRule(StrEnum):
    SKIP = "SKIP"
    UPDATE = "UPDATE"
    CREATE_NEW = "CREATE_NEW"


class DuplicateKey(StrEnum):
    """What makes two rows the same customer."""

    EMAIL = "EMAIL"
    ACCOUNT_NUMBER = "ACCOUNT_NUMBER"
    REGISTRATION_NUMBER = "REGISTRATION_NUMBER"
    EXTERNAL_ID = "EXTERNAL_ID"


class Import(Model):
    """created + updated + skipped + failed = rows_done, always; `checkpoint` is where the next chunk begins.

    `suggestions` has an entry per column: what it seems to mean, how sure that is, and its first values.
    `rejected_key` names the stored CSV of the rejected rows, once the import has ended.
    """

    id = key()
    unit: fields.ForeignKeyRelation[BusinessUnit] = fields.ForeignKeyField(
        "crm.BusinessUnit", related_name=False, on_delete=fields.RESTRICT
    )
    filename = fields.CharField(max_length=255)
    storage_key = fields.CharField(max_length=200)
    size = fields.BigIntField()
    sha256 = fields.CharField(max_length=64)
    sniffed: dict[str, Any] = fields.JSONField(default=dict)
    columns: list[str] = fields.JSONField(default=list)
    suggestions: list[dict[str, Any]] = fields.JSONField(default=list)
    mapping: dict[str, str] = fields.JSONField(default=dict)
    options: dict[str, Any] = fields.JSONField(default=dict)
    duplicate_key = fields.CharEnumField(DuplicateKey, max_length=20, default=DuplicateKey.EMAIL)
    duplicate_rule = fields.CharEnumField(DuplicateRule, max_length=12, default=DuplicateRule.SKIP)
    state = fields.CharEnumField(ImportState, max_length=12, default=ImportState.UPLOADED)
    preview: dict[str, Any] | None = fields.JSONField(null=True)
    failure: dict[str, Any] | None = fields.JSONField(null=True)
    rejected_key = fields.CharField(max_length=200, null=True)
    checkpoint: dict[str, Any] = fields.JSONField(default=dict)
    rows_total = fields.IntField(null=True)
    rows_done = fields.IntField(default=0)
    created_count = fields.IntField(default=0)
    updated_count = fields.IntField(default=0)
    skipped_count = fields.IntField(default=0)
    failed_count = fields.IntField(default=0)
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1, db_default=SqlDefault("1"))
    created_at = fields.DatetimeField(db_default=Now())
    updated_at = fields.DatetimeField(db_default=Now())
    created_by: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "crm.User", related_name=False, on_delete=fields.RESTRICT
    )

    problems: "fields.ReverseRelation[ImportProblem]"

    unit_id: UUID
    created_by_id: UUID

    class Meta:
        table = "import"
        indexes = (Index(fields=("unit_id", "created_at", "id"), name="import_unit"),)


class ImportProblem(Model):
    """One thing wrong with one cell: the physical line it stands on, and what to do about it."""

    id = key()
    run: fields.ForeignKeyRelation[Import] = fields.ForeignKeyField(
        "crm.Import", related_name="problems", on_delete=fields.CASCADE
    )
    line = fields.IntField()
    column = fields.CharField(max_length=200, null=True)
    value = fields.TextField(null=True)
    code = fields.CharField(max_length=60)
    message = fields.TextField()
    fatal = fields.BooleanField(default=True)

    run_id: UUID

    class Meta:
        table = "import_problem"
        indexes = (Index(fields=("run_id", "line", "id"), name="import_problem_line"),)


class ImportRejectedRow(Model):
    """The cells of a row that was not imported, as they stood in the file."""

    id = key()
    run: fields.ForeignKeyRelation[Import] = fields.ForeignKeyField(
        "crm.Import", related_name="rejected_rows", on_delete=fields.CASCADE
    )
    line = fields.IntField()
    cells: list[str] = fields.JSONField()

    run_id: UUID

    class Meta:
        table = "import_rejected_row"


class ImportedRows(Model):
    """What became of a chunk's accepted rows, in the order of the file: outcome and customer of each line.

    The account of the import, and the ground an undo stands on; imports.views.ImportedRow has it row by row.
    A row for each row of the file would cost more than its customer's own indexes.
    """

    id = key()
    run: fields.ForeignKeyRelation[Import] = fields.ForeignKeyField(
        "crm.Import", related_name="imported_rows", on_delete=fields.CASCADE
    )
    lines: list[int] = ArrayField(element_type="int")
    outcomes: list[str] = ArrayField(element_type="text")
    customer_ids: list[UUID] = ArrayField(element_type="uuid")

    run_id: UUID

    class Meta:
        table = "imported_rows"
