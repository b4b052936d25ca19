"""How people name the API's rules for duplicates on a command line."""

from enum import StrEnum


class OnDuplicate(StrEnum):
    SKIP = "skip"
    UPDATE = "update"
    CREATE_NEW = "create-new"


class Key(StrEnum):
    EMAIL = "email"
    ACCOUNT_NUMBER = "account-number"
    REGISTRATION_NUMBER = "registration-number"
    EXTERNAL_ID = "external-id"
