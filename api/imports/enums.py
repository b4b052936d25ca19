"""The words an import is described in."""

from api.enums import describe
from crm.imports.csv_format import Delimiter, Encoding
from crm.imports.models import DuplicateKey, DuplicateRule, ImportState
from crm.imports.rules import Outcome, UnknownChoices
from crm.kernel.values import DateOrder

describe(
    ImportState,
    description="Where an import stands.",
    values={
        "UPLOADED": "The file is stored and its columns are known; mapping and rules can change. Next: `previewImport`.",
        "PREVIEWING": "A worker looks at every row and writes nothing.",
        "READY": "The preview says what would happen. Next: `runImport`, or `configureImport` to begin again.",
        "RUNNING": "A worker imports the rows, chunk by chunk.",
        "COMPLETED": "Every row was created, updated, skipped or rejected.",
        "CANCELLED": "It was stopped; what was in by then stays in.",
        "FAILED": "The file could not be read to its end; `failure` says why. What was in by then stays in.",
    },
)
describe(
    DuplicateRule,
    description="What becomes of a row whose customer is there already, from before or from an earlier row.",
    values={
        "SKIP": "Nothing: the customer stays as it is.",
        "UPDATE": "The customer takes the row's mapped cells that are not empty.",
        "CREATE_NEW": "Another customer is created; nothing is looked up.",
    },
)
describe(
    DuplicateKey,
    description="What makes a row and a customer of the business unit the same.",
    values={
        "EMAIL": "The e-mail address, whatever its case.",
        "ACCOUNT_NUMBER": "The account number.",
        "REGISTRATION_NUMBER": "The company's registration number.",
        "EXTERNAL_ID": "The id in the system the file comes from.",
    },
)
describe(
    Outcome,
    name="ImportOutcome",
    description="What becomes of a row.",
    values={
        "CREATED": "A new customer.",
        "UPDATED": "A change to a customer.",
        "SKIPPED": "Nothing, as the customer is there already.",
        "FAILED": "Nothing, because of what is wrong with the row.",
    },
)
describe(
    UnknownChoices,
    description="What becomes of a row that names a choice, user or legal entity that is not there.",
    values={
        "REJECT": "It is rejected.",
        "LEAVE_EMPTY": "It is imported without that field, and a problem that is not `fatal` says so.",
    },
)
describe(
    Encoding,
    name="FileEncoding",
    description="How a file writes characters.",
    values={
        "UTF_8": "UTF-8.",
        "UTF_16_LE": "UTF-16, little-endian.",
        "UTF_16_BE": "UTF-16, big-endian.",
        "WINDOWS_1252": "Windows-1252, as spreadsheets in Western Europe save.",
    },
)
describe(
    Delimiter,
    name="FileDelimiter",
    description="What stands between two cells.",
    values={"COMMA": "A comma.", "SEMICOLON": "A semicolon.", "TAB": "A tab.", "PIPE": "A vertical bar."},
)
describe(
    DateOrder,
    description="How a file writes 03/04/2025.",
    values={"DAY_FIRST": "The third of April.", "MONTH_FIRST": "The fourth of March."},
)
