"""What is wrong with a value: a code for programs and a sentence for people."""

from enum import StrEnum


class InvalidCode(StrEnum):
    """Why a value was refused. API errors and import reports carry these words."""

    REQUIRED = "REQUIRED"
    TOO_LONG = "TOO_LONG"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    CONTROL_CHARACTERS = "CONTROL_CHARACTERS"
    INVALID_EMAIL = "INVALID_EMAIL"
    INVALID_PHONE = "INVALID_PHONE"
    INVALID_URL = "INVALID_URL"
    INVALID_COUNTRY = "INVALID_COUNTRY"
    INVALID_CURRENCY = "INVALID_CURRENCY"
    INVALID_LANGUAGE = "INVALID_LANGUAGE"
    INVALID_DECIMAL = "INVALID_DECIMAL"
    INVALID_INTEGER = "INVALID_INTEGER"
    INVALID_DATE = "INVALID_DATE"
    AMBIGUOUS_DATE = "AMBIGUOUS_DATE"
    INVALID_BOOLEAN = "INVALID_BOOLEAN"
    INVALID_CHOICE = "INVALID_CHOICE"
    INVALID_TAG = "INVALID_TAG"


class InvalidValue(ValueError):
    """The text is not a value of its kind. `message` says what to do next and never repeats the text."""

    def __init__(self, code: InvalidCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def required() -> InvalidValue:
    return InvalidValue(InvalidCode.REQUIRED, "This is empty: fill it in.")


def too_long(limit: int) -> InvalidValue:
    return InvalidValue(InvalidCode.TOO_LONG, f"This is too long: shorten it to {limit} characters at most.")
