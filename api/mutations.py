"""Mutations: refusals become the payload's `errors`, and an Idempotency-Key makes a repeat answer the same."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields, is_dataclass
from typing import Any
from uuid import UUID

import orjson
import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from api.context import Info
from api.errors import UserError, user_errors
from crm.kernel import idempotency
from crm.kernel.actor import Scope
from crm.kernel.errors import DomainError, Forbidden, Unauthenticated
from crm.kernel.transaction import transaction


@strawberry.type
class Payload:
    """Base of all payloads. Subclasses keep ids in `strawberry.Private` fields and resolve them to QuerySets."""

    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty when the mutation succeeded."
    )

    def remember(self) -> dict[str, Any]:
        """The ids this payload was made of, to answer a repeat with."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init and f.name != "errors"}


class _Mutation(FieldExtension):
    def __init__(self, *, anonymous: bool, idempotent: bool) -> None:
        self.anonymous = anonymous
        self.idempotent = idempotent

    def apply(self, field: StrawberryField) -> None:
        for argument in field.arguments:
            argument.description = argument.description or "What is asked for."

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        payload_type: Any = info.return_type
        try:
            if not self.anonymous:
                _may_change(info)
            if not self.idempotent or info.context.idempotency_key is None:
                return await next_(source, info, **kwargs)
            return await self._once(lambda: next_(source, info, **kwargs), payload_type, info, kwargs)
        except DomainError as error:
            if isinstance(error, Unauthenticated) and not self.anonymous:
                raise
            return payload_type(errors=user_errors(error))

    async def _once(
        self, run: Callable[[], Awaitable[Any]], payload_type: Any, info: Info, kwargs: dict[str, Any]
    ) -> Any:
        actor = info.context.require()
        # One key may cover an operation of several mutations: each answers under its own response key.
        key = f"{info.context.idempotency_key}:{'.'.join(str(step) for step in info.path.as_list())}"
        async with transaction():
            remembered = await idempotency.claim(
                caller=str(actor.user_id), key=key, request_hash=_hash(info, kwargs)
            )
            if remembered is not None:
                return payload_type(**_revived(payload_type, remembered))
            payload = await run()
            await idempotency.answer(caller=str(actor.user_id), key=key, answer=payload.remember())
            return payload


def _may_change(info: Info) -> None:
    actor = info.context.require()
    if actor.scope is Scope.READ:
        raise Forbidden("This API token may only read. Create one with scope WRITE to change anything.")


def _hash(info: Info, kwargs: dict[str, Any]) -> str:
    return hashlib.sha256(
        orjson.dumps([info.field_name, kwargs], default=_plain, option=orjson.OPT_SORT_KEYS)
    ).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value) if not hasattr(value, "filename") else ["file", value.filename, value.size]


def _revived(payload_type: Any, remembered: dict[str, Any]) -> dict[str, Any]:
    """JSON keeps uuids as text; the payload wants them as they were."""
    kinds = {f.name: str(f.type) for f in fields(payload_type)}
    return {k: UUID(v) if isinstance(v, str) and "UUID" in kinds[k] else v for k, v in remembered.items()}


def mutation(*, description: str, anonymous: bool = False, idempotent: bool = True) -> Any:
    """Declares a mutation. `anonymous`: usable without a login. `idempotent=False`: it hands out secrets that are
    never stored, so its answer cannot be repeated.
    """
    return strawberry.mutation(
        description=description, extensions=[_Mutation(anonymous=anonymous, idempotent=idempotent)]
    )


def provided(value: Any) -> dict[str, Any]:
    """The fields of an input that the caller gave, null included; `strawberry.UNSET` ones are left out."""
    return {f.name: v for f in fields(value) if (v := getattr(value, f.name)) is not strawberry.UNSET}
