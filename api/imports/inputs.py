"""What callers send to import a file."""

import strawberry
from strawberry.file_uploads import Upload

from api.imports import enums as _enums  # noqa: F401  declares the enums
from crm.imports.csv_format import Delimiter, Encoding
from crm.imports.models import DuplicateKey, DuplicateRule
from crm.imports.rules import UnknownChoices
from crm.kernel.values import DateOrder


@strawberry.input(description="A CSV file with customers and their primary contacts.")
class StartCustomerImportInput:
    file: Upload = strawberry.field(description="The file, by the GraphQL multipart request specification.")
    unit_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The business unit its customers will belong to; your only one if left out.",
    )


@strawberry.input(description="What a column means.")
class ColumnMappingInput:
    column: str = strawberry.field(description="The column's name.")
    field: str | None = strawberry.field(
        default=None, description="The key of a field of `importFields`; null leaves the column out."
    )


@strawberry.input(
    description="Changes to how a file is imported; what is left out stays. The import goes back to UPLOADED."
)
class ConfigureImportInput:
    id: strawberry.ID = strawberry.field(description="The import; UPLOADED or READY.")
    expected_version: int | None = strawberry.field(
        default=None, description="The version you read; a newer one is answered with VersionConflict."
    )
    mapping: list[ColumnMappingInput] | None = strawberry.field(
        default=None,
        description="What the columns mean, all of them: a column that is not named is left out.",
    )
    duplicate_rule: DuplicateRule | None = strawberry.field(
        default=None, description="What becomes of duplicates; SKIP at first."
    )
    duplicate_key: DuplicateKey | None = strawberry.field(
        default=None, description="What makes a duplicate; EMAIL at first."
    )
    encoding: Encoding | None = strawberry.field(
        default=None, description="How the file writes characters, where Kith guessed wrong."
    )
    delimiter: Delimiter | None = strawberry.field(
        default=None, description="What stands between two cells, where Kith guessed wrong."
    )
    has_header: bool | None = strawberry.field(
        default=None,
        description="Whether the first row holds names. A change of columns begins with a new suggested mapping.",
    )
    default_country: str | None = strawberry.field(
        default=None,
        description="Where telephone numbers without a country code belong if the row does not say; an empty string for nowhere.",
    )
    date_order: DateOrder | None = strawberry.field(
        default=None, description="How the file writes dates such as 03/04/2025."
    )
    decimal_comma: bool | None = strawberry.field(
        default=None, description="Whether the file writes one and a half as 1,5."
    )
    unknown_choices: UnknownChoices | None = strawberry.field(
        default=None,
        description="What becomes of rows that name a choice that is not there; REJECT at first.",
    )


@strawberry.input(description="Names an import.")
class ImportInput:
    id: strawberry.ID = strawberry.field(description="The import.")


@strawberry.input(description="Names an import to run.")
class RunImportInput:
    id: strawberry.ID = strawberry.field(description="The import; READY.")
    confirm_repeat: bool = strawberry.field(
        default=False, description="true: although the same file was imported into this unit before."
    )
