"""The account of an import row by row: a model over a database view, outside the migrations."""

from tortoise import Model, fields


class ImportedRow(Model):
    """What became of an accepted row: CREATED, UPDATED or SKIPPED, and the customer it made, changed or met."""

    id = fields.CharField(primary_key=True, max_length=50)
    run_id = fields.UUIDField()
    line = fields.IntField()
    outcome = fields.CharField(max_length=10)
    customer_id = fields.UUIDField()

    class Meta:
        table = "imported_row"
