"""How an import looks to callers."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry

from api.fusion import Reference, each, present
from api.imports import enums as _enums  # noqa: F401  declares the enums
from api.nodes import Node, id_field, node_type
from api.paging import Connection, connection
from crm.customers.fields import FieldKind
from crm.imports import models, queries
from crm.imports.csv_format import Delimiter, Encoding
from crm.imports.fields import IMPORT_FIELDS
from crm.imports.mapping import missing_required
from crm.imports.models import DuplicateKey, DuplicateRule, ImportState
from crm.imports.rules import Outcome, UnknownChoices
from crm.kernel import signing
from crm.kernel.ids import Kind
from crm.kernel.values import DateOrder

if TYPE_CHECKING:
    from api.accounts.types import BusinessUnit, User


@strawberry.type(description="What a column of a file can be mapped on.")
class ImportField:
    key: str = strawberry.field(description="Its name in a mapping, such as `contact_email`.")
    label: str = strawberry.field(description="Its name for people; the template's heading.")
    kind: FieldKind = strawberry.field(description="What its cells hold.")
    required: bool = strawberry.field(description="Whether a new customer must have it.")
    joins: bool = strawberry.field(description="Whether several columns may be mapped on it.")
    help: str = strawberry.field(description="What to write into its cells.")
    example: str = strawberry.field(description="An example; empty where none helps.")
    max_length: int | None = strawberry.field(description="Most characters; null where another limit holds.")


def import_field(key: str) -> ImportField:
    found = IMPORT_FIELDS[key]
    return ImportField(
        key=found.key,
        label=found.label,
        kind=found.kind,
        required=found.required,
        joins=found.joins is not None,
        help=found.help,
        example=found.example,
        max_length=found.max_length,
    )


@strawberry.type(description="A column of the file and what it means.")
class ImportColumn:
    name: str = strawberry.field(
        description="Its heading, made unique; `Column 3` and such where it has none."
    )
    samples: list[str] = strawberry.field(description="Its first values, up to five.")
    field: ImportField | None = strawberry.field(
        description="The field it is mapped on; null: it is left out."
    )
    suggested_field: ImportField | None = strawberry.field(description="The field it seems to mean.")
    confidence: float = strawberry.field(description="How sure that is, from 0 to 1.")
    reason: str = strawberry.field(description="Why it seems so.")


@strawberry.type(description="Something odd about the file that does not stand in the way.")
class ImportNotice:
    code: str = strawberry.field(description="`DUPLICATE_HEADERS` or `UNNAMED_COLUMNS`.")
    message: str = strawberry.field(description="What it is, for people.")


@strawberry.type(description="Why an import failed.")
class ImportFailure:
    code: str = strawberry.field(description="What went wrong, such as `UNCLOSED_QUOTE`.")
    message: str = strawberry.field(description="What went wrong and what to do about it.")
    line: int | None = strawberry.field(description="The physical line to look at; null where there is none.")


@strawberry.type(description="A field of a row as it would land.")
class ImportPreviewValue:
    field: str = strawberry.field(description="The key of the field.")
    label: str = strawberry.field(description="Its name for people.")
    value: str = strawberry.field(description="What it would hold, normalised.")


@strawberry.type(description="One thing wrong with a row of the preview.")
class ImportPreviewProblem:
    column: str | None = strawberry.field(description="The file's column; null: the whole row.")
    value: str | None = strawberry.field(description="The cell's text.")
    code: str = strawberry.field(description="What is wrong, for programs.")
    message: str = strawberry.field(description="What is wrong and what to do about it.")


@strawberry.type(description="A row as it would land.")
class ImportPreviewRow:
    line: int = strawberry.field(description="The physical line it begins on, the first being 1.")
    outcome: Outcome = strawberry.field(description="What would become of it.")
    values: list[ImportPreviewValue] = strawberry.field(
        description="Its fields; those of cells that cannot be read are left out."
    )
    problems: list[ImportPreviewProblem] = strawberry.field(description="What is wrong with it.")


@strawberry.type(description="How often one thing is wrong.")
class ImportProblemCount:
    code: str = strawberry.field(description="The problems' code.")
    count: int = strawberry.field(description="How many there are in the whole file.")


@strawberry.type(description="What an import would do, counted over the whole file.")
class ImportPreview:
    stored: strawberry.Private[dict[str, Any]]
    total_count: int = strawberry.field(description="Rows in the file.")
    new_count: int = strawberry.field(description="Rows that would create a customer.")
    duplicate_count: int = strawberry.field(
        description="Rows whose customer is there already, or in the file before."
    )
    bad_count: int = strawberry.field(description="Rows that would be rejected.")

    @strawberry.field(description="The first rows as they would land, up to 20.")
    def rows(self) -> list[ImportPreviewRow]:
        return [
            ImportPreviewRow(
                line=row["line"],
                outcome=Outcome(row["outcome"]),
                values=[ImportPreviewValue(**value) for value in row["values"]],
                problems=[ImportPreviewProblem(**problem) for problem in row["problems"]],
            )
            for row in self.stored["rows"]
        ]

    @strawberry.field(description="What is wrong in the whole file, the most frequent first.")
    def problem_counts(self) -> list[ImportProblemCount]:
        codes: dict[str, int] = self.stored["codes"]
        counts = [ImportProblemCount(code=code, count=count) for code, count in codes.items()]
        return sorted(counts, key=lambda each: (-each.count, each.code))


def _named(enum: type[Enum], sql: str) -> str:
    """The SQL of a member's name, for a text that holds its value."""
    cases = (f"when '{member.value}' then '{member.name}'" for member in enum)
    return f"case {sql} {' '.join(cases)} end"


def _whole(number: Any) -> int | None:
    """A whole number of a JSON column."""
    return cast("int | None", number.through("{0}::int") if isinstance(number, Reference) else number)


@node_type(model=models.ImportProblem, name="ImportProblem", description="One thing wrong with a row.")
class ImportProblem:
    line: int = strawberry.field(description="The physical line the row begins on, the first being 1.")
    column: str | None = strawberry.field(description="The file's column; null: the whole row.")
    value: str | None = strawberry.field(description="The cell's text, at most 500 characters.")
    code: str = strawberry.field(description="What is wrong, for programs; listed in docs/errors.md.")
    message: str = strawberry.field(description="What is wrong and what to do about it.")
    fatal: bool = strawberry.field(
        description="Whether it cost the row; if not, only the field was left empty."
    )


@node_type(
    model=models.Import,
    name="Import",
    description="A CSV file on its way to becoming customers with their primary contacts. "
    "`createdCount + updatedCount + skippedCount + failedCount = rowsDone`, always.",
)
class Import(Node):
    id: strawberry.ID = id_field(Kind.IMPORT)
    unit: Annotated["BusinessUnit", strawberry.lazy("api.accounts.types")] = strawberry.field(
        description="The business unit its customers belong to."
    )
    filename: str = strawberry.field(description="The file's name as it was uploaded.")
    size: int = strawberry.field(description="The file's size in bytes.")
    state: ImportState = strawberry.field(description="Where it stands.")
    duplicate_rule: DuplicateRule = strawberry.field(description="What becomes of duplicates.")
    duplicate_key: DuplicateKey = strawberry.field(description="What makes a duplicate.")
    rows_total: int | None = strawberry.field(
        description="Rows in the file; null until the preview counted them."
    )
    rows_done: int = strawberry.field(description="Rows that are accounted for.")
    created_count: int = strawberry.field(description="Rows that created a customer.")
    updated_count: int = strawberry.field(description="Rows whose customer was there and took their cells.")
    skipped_count: int = strawberry.field(description="Rows whose customer was there and stayed as it was.")
    failed_count: int = strawberry.field(description="Rows that were rejected.")
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When the file was uploaded.")
    created_by: Annotated["User", strawberry.lazy("api.accounts.types")] = strawberry.field(
        description="Who uploaded it."
    )
    started_at: datetime | None = strawberry.field(description="When it was told to run.")
    finished_at: datetime | None = strawberry.field(description="When it completed, failed or was cancelled.")

    @strawberry.field(
        description="How the file writes characters.",
        metadata={"sql": _named(Encoding, "{t}.sniffed ->> 'encoding'")},
    )
    def encoding(self) -> Encoding:
        return Encoding(_row(self).sniffed["encoding"])

    @strawberry.field(
        description="What stands between two cells.",
        metadata={"sql": _named(Delimiter, "{t}.sniffed ->> 'delimiter'")},
    )
    def delimiter(self) -> Delimiter:
        return Delimiter(_row(self).sniffed["delimiter"])

    @strawberry.field(
        description="Whether the first row holds the columns' names.",
        metadata={"sql": "({t}.sniffed ->> 'has_header')::boolean"},
    )
    def has_header(self) -> bool:
        return bool(_row(self).sniffed["has_header"])

    @strawberry.field(description="What is odd about the file, without standing in the way.")
    def notices(self) -> list[ImportNotice]:
        found = _row(self).sniffed["problems"]
        return each(found, lambda told: ImportNotice(code=told["code"], message=told["message"]))

    @strawberry.field(
        description="The country of telephone numbers without a country code, where the row names none.",
        metadata={"sql": "{t}.options ->> 'default_country'"},
    )
    def default_country(self) -> str | None:
        return cast("str | None", _row(self).options.get("default_country"))

    @strawberry.field(
        description="How the file writes dates such as 03/04/2025, if somebody said so; else its dates tell.",
        metadata={"sql": "nullif({t}.options ->> 'date_order', '')"},
    )
    def date_order(self) -> DateOrder | None:
        order = _row(self).options.get("date_order")
        return DateOrder(order) if order else None

    @strawberry.field(
        description="Whether 1,5 is one and a half, if somebody said so; else the file's numbers tell.",
        metadata={"sql": "({t}.options ->> 'decimal_comma')::boolean"},
    )
    def decimal_comma(self) -> bool | None:
        return cast("bool | None", _row(self).options.get("decimal_comma"))

    @strawberry.field(
        description="What becomes of rows that name a choice that is not there.",
        metadata={"sql": f"coalesce({{t}}.options ->> 'unknown_choices', '{UnknownChoices.REJECT}')"},
    )
    def unknown_choices(self) -> UnknownChoices:
        return UnknownChoices(_row(self).options.get("unknown_choices", UnknownChoices.REJECT))

    @strawberry.field(description="The file's columns, in order, with what they mean.")
    def columns(self) -> list[ImportColumn]:
        row = _row(self)
        return [_column(each, row.mapping.get(each["column"])) for each in row.suggestions]

    @strawberry.field(
        description="Required fields that no column is mapped on; while there are any, there is no preview."
    )
    def missing_fields(self) -> list[ImportField]:
        return [import_field(key) for key in missing_required(_row(self).mapping.values())]

    @strawberry.field(
        description="What the last preview found; null before the first and after each change to the mapping or the rules."
    )
    def preview(self) -> ImportPreview | None:
        stored = _row(self).preview
        if stored is None:
            return None
        counts = {name: stored[name] for name in ("created", "updated", "skipped", "failed")}
        return ImportPreview(
            stored=stored,
            total_count=sum(counts.values()),
            new_count=counts["created"],
            duplicate_count=counts["updated"] + counts["skipped"],
            bad_count=counts["failed"],
        )

    @strawberry.field(
        description="How much is done, from 0 to 1: of the bytes while previewing, of the rows while running."
    )
    def progress(self) -> float:
        return _progress(_row(self))

    @strawberry.field(description="Rows a second since it runs; null before.")
    def rows_per_second(self) -> float | None:
        row = _row(self)
        if row.started_at is None:
            return None
        until = row.finished_at or row.updated_at
        return round(row.rows_done / max((until - row.started_at).total_seconds(), 0.001), 1)

    @strawberry.field(description="Why it failed; null unless it did.")
    def failure(self) -> ImportFailure | None:
        told = cast("dict[str, Any]", _row(self).failure)
        return present(
            told,
            lambda: ImportFailure(code=told["code"], message=told["message"], line=_whole(told["line"])),
        )

    @connection(
        description="What is wrong with its rows, in the order of the file: after a preview the first 200, "
        "of a run every one so far."
    )
    def problems(self) -> Connection[ImportProblem]:
        return cast("Connection[ImportProblem]", queries.problems_of(_row(self).id))

    @strawberry.field(
        description="The latest completed import of the same bytes into the same unit; while there is one, `runImport` "
        "wants `confirmRepeat`."
    )
    def same_file_as(self) -> "Import | None":
        return cast("Import | None", queries.same_file(_row(self)).first())

    @strawberry.field(
        description="The rejected rows as CSV with the line and the reasons, ready to mend and import again: a link for ten "
        "minutes. Null while it runs, and when no row was rejected."
    )
    def rejected_rows_url(self) -> str | None:
        row = _row(self)
        if row.rejected_key is None:
            return None
        name = f"{row.filename.rpartition('.')[0] or row.filename} (rejected rows).csv"
        return signing.link(signing.Download(row.rejected_key, name, "text/csv; charset=utf-8"))


def _row(value: object) -> models.Import:
    """Resolvers are given rows, whatever the type's annotations say."""
    return cast("models.Import", value)


def _column(told: dict[str, Any], field: str | None) -> ImportColumn:
    return ImportColumn(
        name=told["column"],
        samples=told["samples"],
        field=import_field(field) if field else None,
        suggested_field=import_field(told["field"]) if told["field"] else None,
        confidence=told["confidence"],
        reason=told["reason"],
    )


def _progress(row: models.Import) -> float:
    if row.state is ImportState.COMPLETED:
        return 1.0
    if row.state is ImportState.PREVIEWING:
        return _share(row.checkpoint.get("offset", 0), row.size)
    return _share(row.rows_done, row.rows_total or 0)


def _share(part: int, whole: int) -> float:
    return round(min(part / whole, 1.0), 4) if whole else 0.0
