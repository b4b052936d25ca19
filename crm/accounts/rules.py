"""Who may do what (DOMAIN §1), as a table; and what a name, an e-mail or a password must look like."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from crm.kernel.actor import Actor, Role, Scope
from crm.kernel.errors import Forbidden, InvalidInput, Problem
from crm.kernel.values import InvalidValue, parse_text

MAX_NAME = 120
MIN_PASSWORD = 12
MAX_PASSWORD = 128
MAX_TOKEN_LIFE = timedelta(days=366)


class Permission(StrEnum):
    """What an actor may be allowed to do, inside the units they reach. The values read on in "may …"."""

    READ = "read this"
    EXPORT = "export lists"
    SAVE_VIEWS = "save views"
    OWN_LOGIN = "change their own password and logins"
    OWN_TOKENS = "manage their API tokens"
    CREATE = "create records"
    EDIT_OWN = "edit customers they own, or that nobody owns"
    EDIT_ANY = "edit customers others own"
    IMPORT = "import files"
    ISSUE_INVOICES = "issue and send invoices and record payments"
    MANAGE_SEGMENTS = "change segments"
    ARCHIVE = "archive and restore records"
    DELETE = "delete records"
    MERGE = "merge customers"
    BLOCK = "block and unblock customers"
    VOID = "void invoices"
    CREDIT = "credit invoices"
    MANAGE_USERS = "manage users"
    MANAGE_UNITS = "manage business units"
    MANAGE_SETTINGS = "change settings and pick lists"
    MANAGE_LEGAL_ENTITIES = "manage legal entities, number series and e-mail templates"
    MANAGE_WEBHOOKS = "manage webhooks"
    MANAGE_JOBS = "see and retry failed jobs"


P = Permission
_ANALYST = frozenset({P.READ, P.EXPORT, P.SAVE_VIEWS, P.OWN_LOGIN, P.OWN_TOKENS})
_AGENT = frozenset(
    {P.READ, P.SAVE_VIEWS, P.OWN_LOGIN, P.OWN_TOKENS, P.CREATE, P.EDIT_OWN, P.IMPORT, P.ISSUE_INVOICES}
)
_MANAGER = (
    _ANALYST
    | _AGENT
    | {P.EDIT_ANY, P.MANAGE_SEGMENTS, P.ARCHIVE, P.DELETE, P.MERGE, P.BLOCK, P.VOID, P.CREDIT}
)

ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.ANALYST: _ANALYST,
    Role.AGENT: _AGENT,
    Role.MANAGER: _MANAGER,
    Role.ADMIN: frozenset(Permission),
}
NEEDS_LOGIN = frozenset({P.OWN_LOGIN, P.OWN_TOKENS, P.MANAGE_USERS})
"""What no API token may do, whatever its scope."""
READS = frozenset({P.READ, P.EXPORT})
"""What a token of READ scope may do."""


def may(actor: Actor, permission: Permission) -> bool:
    """Whether role, scope and kind of login allow it. Which records is another question: visibility."""
    return _refusal(actor, permission) is None


def require(actor: Actor, *permissions: Permission) -> None:
    """Raises Forbidden, with what would be needed, unless the actor has all of them."""
    for permission in permissions:
        refusal = _refusal(actor, permission)
        if refusal is not None:
            raise Forbidden(refusal)


def may_edit(actor: Actor, owner_ids: Iterable[UUID | None]) -> bool:
    """Whether the actor may edit or log on a customer with these owners (account and service manager)."""
    if may(actor, P.EDIT_ANY):
        return True
    owners = {owner for owner in owner_ids if owner is not None}
    return may(actor, P.EDIT_OWN) and (not owners or actor.user_id in owners)


def require_edit(actor: Actor, owner_ids: Iterable[UUID | None]) -> None:
    """Raises Forbidden unless `may_edit`."""
    if not may_edit(actor, owner_ids):
        require(actor, P.EDIT_OWN)
        raise Forbidden("This customer belongs to a colleague: only they or a manager may change it.")


def _refusal(actor: Actor, permission: Permission) -> str | None:
    if actor.token_id is not None and permission in NEEDS_LOGIN:
        return f"An API token may not {permission.value}. Log in to do that."
    if permission not in ALLOWED[actor.role]:
        return f"Your role, {actor.role.value}, may not {permission.value}. {_who_may(permission)}"
    if actor.scope is Scope.READ and permission not in READS:
        return f"This token may only read, not {permission.value}. Use one with the scope WRITE."
    return None


def _who_may(permission: Permission) -> str:
    return f"Who may: {', '.join(role.value for role, allowed in ALLOWED.items() if permission in allowed)}."


def parse_name(text: str) -> str:
    """A person's, unit's or token's name: one line. Raises InvalidValue."""
    return parse_text(text, max_length=MAX_NAME)


def text_problems(parse: Callable[[str], str], text: str, *path: str) -> Iterator[Problem]:
    """What `parse_name` or `parse_email` finds wrong, as a problem of the field at `path`."""
    try:
        parse(text)
    except InvalidValue as error:
        yield Problem(path, error.code.value, error.message)


def time_zone_problems(time_zone: str, *path: str) -> Iterator[Problem]:
    if time_zone not in _time_zones():
        yield Problem(
            path, "INVALID_TIME_ZONE", "This is no IANA time zone. Write one such as 'Europe/Berlin'."
        )


def expiry_problems(expires_at: datetime, now: datetime, *path: str) -> Iterator[Problem]:
    if expires_at.tzinfo is None or not now < expires_at <= now + MAX_TOKEN_LIFE:
        yield Problem(path, "INVALID_EXPIRY", "A token expires in the future, at most one year from now.")


def password_problems(password: str, *path: str, email: str = "", name: str = "") -> Iterator[Problem]:
    """Length, and nothing a guesser tries first: the worst known ones, the person's own e-mail or name.

    NIST SP 800-63B: long rather than complex, checked against a list, no rules on kinds of characters.
    """
    text = normal_password(password)
    if len(text) < MIN_PASSWORD:
        yield Problem(path, "PASSWORD_TOO_SHORT", f"A password has at least {MIN_PASSWORD} characters.")
    elif len(text) > MAX_PASSWORD:
        yield Problem(path, "PASSWORD_TOO_LONG", f"A password has at most {MAX_PASSWORD} characters.")
    elif _plain(text) in {_plain(own) for own in (email, email.partition("@")[0], name)} - {""}:
        yield Problem(path, "PASSWORD_IS_PERSONAL", "A password may not be your own e-mail address or name.")
    elif _is_guessed_first(text):
        yield Problem(path, "PASSWORD_TOO_COMMON", "Guessers try this password first. Choose another.")


def normal_password(password: str) -> str:
    """The same characters however a keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


def raise_any(problems: Iterable[Problem]) -> None:
    """Raises InvalidInput with all of them, if there are any."""
    found = tuple(problems)
    if found:
        raise InvalidInput(found)


_WORST = (
    *(
        "administrator",
        "contrasena",
        "motdepasse",
        "willkommen",
        "qwertyuiop",
        "iloveyou",
        "password",
        "passwort",
    ),
    *(
        "changeme",
        "football",
        "baseball",
        "superman",
        "princess",
        "sunshine",
        "welcome",
        "letmein",
        "trustno",
    ),
    *(
        "default",
        "company",
        "qwerty",
        "qwertz",
        "azerty",
        "asdfgh",
        "zxcvbn",
        "monkey",
        "dragon",
        "secret",
        "batman",
    ),
    *(
        "master",
        "summer",
        "winter",
        "spring",
        "autumn",
        "admin",
        "login",
        "hello",
        "guest",
        "kith",
        "test",
        "user",
    ),
    *("root", "abc"),
)  # longest first, so that no word hides in the rest of another
_RUNS = (
    "0123456789" * 13,
    "9876543210" * 13,
    "abcdefghijklmnopqrstuvwxyz" * 5,
    "qwertyuiopasdfghjklzxcvbnm" * 5,
)
_DRESSING = "0123456789 !?.,*#+-_"
_LOOKALIKES = str.maketrans("@$01345", "asoieas")
_FEWEST_CHARACTERS = 4


def _is_guessed_first(text: str) -> bool:
    """Hardly any variety, a run along the keyboard, or the worst words dressed with digits or look-alikes."""
    lower = text.casefold()
    if len(set(lower)) < _FEWEST_CHARACTERS or any(lower in run for run in _RUNS):
        return True
    bare = lower.strip(_DRESSING)
    return any(
        word and not _without_worst(word) for word in (_plain(bare), _plain(bare.translate(_LOOKALIKES)))
    )


def _without_worst(word: str) -> str:
    for worst in _WORST:
        word = word.replace(worst, "")
    return word


def _plain(text: str) -> str:
    """Letters and digits only, without case: what is left of a password when its decoration is taken off."""
    return "".join(char for char in text.casefold() if char.isalnum())


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {
        "localtime"
    }  # the machine's own, which PostgreSQL does not know
