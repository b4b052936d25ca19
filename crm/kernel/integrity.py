"""What PostgreSQL refuses, said in the language of the business.

A rule that two requests could break together (a unique e-mail, a manager's membership) is guarded by a
constraint. A service that loses such a race finds the sentence for it here, by the constraint's name.
"""

import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import asyncpg
from tortoise.exceptions import IntegrityError, OperationalError, ValidationError

from crm.kernel.errors import DomainError
from crm.kernel.transaction import raw_connection

Refusal = Callable[[], DomainError | Awaitable[DomainError]]


def constraint_of(error: BaseException) -> str | None:
    """The constraint or unique index that refused, or None when it was no such refusal."""
    cause = error.args[0] if isinstance(error, IntegrityError) and error.args else error
    return cause.constraint_name if isinstance(cause, asyncpg.IntegrityConstraintViolationError) else None


def is_unfit_value(error: BaseException) -> bool:
    """Whether a value could not even be looked at: a number too large, a day before PostgreSQL's calendar, a NUL byte
    (class 22 of SQLSTATE), or a text longer than the column it is compared with, which Tortoise does not send.
    """
    cause = error.args[0] if isinstance(error, OperationalError) and error.args else error
    return isinstance(cause, asyncpg.DataError | ValidationError)


def is_out_of_time(error: BaseException) -> bool:
    """Whether PostgreSQL ended the statement, because it ran longer than the connection allows."""
    cause = error.args[0] if isinstance(error, OperationalError) and error.args else error
    return isinstance(cause, asyncpg.QueryCanceledError)


@contextlib.asynccontextmanager
async def refusing(refusals: Mapping[str, Refusal]) -> AsyncIterator[None]:
    """Writes inside the block that break a named constraint raise that name's error instead.

    Only inside `transaction()`. The block runs under a savepoint, so a factory may be a coroutine function
    that still reads, such as to name the record that stands in the way. Other violations pass through. A
    deferred constraint speaks at commit and cannot be caught here.
    """
    try:
        async with raw_connection().transaction():
            yield
    except (IntegrityError, asyncpg.IntegrityConstraintViolationError) as error:
        factory = refusals.get(constraint_of(error) or "")
        if factory is None:
            raise
        refusal = factory()
        raise (await refusal if inspect.isawaitable(refusal) else refusal) from error
