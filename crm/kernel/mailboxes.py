"""Addresses of e-mail, and what may stand in the headers of one."""

from dataclasses import dataclass

import idna

from crm.kernel.errors import RuleViolation
from crm.kernel.values import InvalidValue
from crm.kernel.values.text import refuse_control_characters


class UnsafeHeader(RuleViolation):
    """A text that could end a mail header and begin another (CVE-2024-6923)."""

    code = "UNSAFE_MAIL_HEADER"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address as `parse_email` returns it, and the name shown beside it."""

    email: str
    name: str = ""


def header_text(value: str) -> str:
    """The same text, fit for a header. Raises UnsafeHeader."""
    try:
        refuse_control_characters(value)
    except InvalidValue as error:
        raise UnsafeHeader(f"This cannot stand in an e-mail's header. {error.message}") from None
    if "=?" in value:
        raise UnsafeHeader("This cannot stand in an e-mail's header: take out the characters '=?'.")
    return value


def domain_of(email: str) -> str:
    """The domain of an address in its ASCII (IDNA) form, for Message-IDs."""
    return ascii_address(email).rpartition("@")[2].lower()


def ascii_address(email: str) -> str:
    """With an international domain in ASCII, so that only an international local part needs SMTPUTF8."""
    local, _, domain = email.rpartition("@")
    return email if domain.isascii() else f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
