"""E-mail addresses. The syntax is judged, never whether mail arrives."""

import re
from unicodedata import normalize

import idna
from email_validator import EmailNotValidError, validate_email

from crm.kernel.values.invalid import InvalidCode, InvalidValue, required, too_long
from crm.kernel.values.text import refuse_control_characters, trimmed

MAX_EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets

# The usual address, decided at once. It leaves out `=` (see `=?` below), `--` (which needs the IDNA rules)
# and domains on which no mail can arrive (RFC 6761, 6762, 7686); up to 64 characters no part can exceed its
# own limit either.
_USUAL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+)*+"
    r"@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+(?!(?i:local|localhost|invalid|onion|arpa)\Z)[A-Za-z]{2,}"
).fullmatch
_USUAL_LENGTH = 64


def parse_email(text: str) -> str:
    """Return the address as typed, apart from trimming and NFC; international domains and names are welcome.

    Control characters and `=?` are refused: both can break out of a mail header (CVE-2024-6923).
    Raises REQUIRED, TOO_LONG, CONTROL_CHARACTERS or INVALID_EMAIL.
    """
    if len(text) <= _USUAL_LENGTH and _USUAL(text):
        return text
    return _unusual(trimmed(text))


def _unusual(value: str) -> str:
    if not value:
        raise required()
    if len(value) > MAX_EMAIL_LENGTH:
        raise too_long(MAX_EMAIL_LENGTH)
    refuse_control_characters(value)
    if "=?" in value:
        raise _invalid("`=?` is not allowed in it.")
    try:
        # test_environment admits .test, which people use for try-outs; the dot is then ours to ask for.
        checked = validate_email(value, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise _invalid(str(error)) from None
    if "." not in checked.domain:
        raise _invalid("The part after the @-sign needs a period.")
    typed_domain = value.rpartition("@")[2]
    domain = typed_domain if typed_domain.casefold() == checked.domain.casefold() else checked.domain
    return f"{checked.local_part}@{domain}"


def _invalid(reason: str) -> InvalidValue:
    return InvalidValue(
        InvalidCode.INVALID_EMAIL,
        f"This is not an e-mail address: write one such as anna@example.com. {reason}",
    )


def email_key(email: str) -> str:
    """Return what two spellings of one address share: case folded, the domain in its ASCII (IDNA) form.

    For an ASCII address it equals PostgreSQL's lower(email). Takes what `parse_email` returned.
    """
    if email.isascii():
        return email.lower()
    local, _, domain = email.rpartition("@")
    try:
        domain = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:  # not an address after all: fold it as text
        domain = normalize("NFKC", domain).casefold()
    return f"{normalize('NFKC', local).casefold()}@{domain}"
