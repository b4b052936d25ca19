"""The front door for reads: queries that fusion answers whole are answered here, before the router.

Only what has gone through the whole pipeline once is found here (see `fusion.Operations`); every other request is
handed on, and so is one that goes wrong on the way: the pipeline says what. Documents are admitted, priced and charged
as there. Who asks is settled as there too, but for `RecentActors`: the end of a token shows within a second.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
from asyncpg import QueryCanceledError
from starlette.datastructures import State
from starlette.requests import Request
from starlette.types import Scope
from strawberry.extensions import SchemaExtension

from api import limits
from api.auth import RecentActors, authenticate, token_of
from api.context import Context
from api.documents import parsed
from api.executor import Schema
from api.fusion import Operation, Operations, Part, written
from api.fusion.memory import Memory
from api.measures import Told
from crm.kernel.actor import Actor

_LONGEST_REMEMBERED = 4_000  # bytes of a body
_KNOWN = frozenset({"query", "variables", "operationName", "extensions", "documentId", "doc_id"})


class Remembered(SchemaExtension):
    """Remembers each query that the pipeline answered without an error."""

    def on_operation(self) -> Iterator[None]:
        yield
        told = self.execution_context
        operations = getattr(told.schema, "kith_operations", None)
        if operations is None or told.graphql_document is None or getattr(told.result, "errors", True):
            return
        operations.remember(told.query, told._provided_operation_name, told.graphql_document)  # noqa: SLF001


class _Question(NamedTuple):
    """What the body of a request asks, whoever sent it."""

    operation: Operation
    label: str | None
    variables: dict[str, Any]
    written: str
    cost: int
    epoch: int
    """Of the limits it was held against."""


class _Repeated(NamedTuple):
    """What a body asks and a token may read."""

    question: _Question
    actor: Actor
    parts: list[Part]


class FusedReads:
    """Answers remembered queries of callers who are logged in."""

    def __init__(self, state: State, schema: Schema) -> None:
        self._state = state
        self._reads = schema.reads
        if schema.kith_operations is None:  # another application of the schema may have made them
            schema.kith_operations = Operations(schema.core, schema.reads, schema.executor_of)
        self._operations = schema.kith_operations
        self._actors = RecentActors()
        self._questions: Memory[_Question] = Memory(500)
        self._repeated: Memory[_Repeated] = Memory(500)

    async def answer(self, scope: Scope, token: str, body: bytes, told: Told) -> bytes | None:
        """The whole response to an ordinary request; None: the pipeline must answer. `token` is a bearer token or empty."""
        try:
            found = self._again(token, body) or await self._anew(scope, token, body)
            if found is None:
                return None
            answers = await self._reads.fetch_parts(found.parts)
            response = found.question.operation.response(answers)
        except Exception as error:  # noqa: BLE001  the pipeline meets it again and tells it properly
            told.late = isinstance(error, TimeoutError | QueryCanceledError)
            return None
        if response is None:
            return None
        told.kind, told.operation, told.actor = "query", found.question.label, found.actor
        return response

    def _again(self, token: str, body: bytes) -> _Repeated | None:
        """The same token asking the same, if nobody has to wait for what must be known first."""
        found = self._repeated.get((token, body))
        if (
            found is None
            or found.question.epoch != limits.epoch
            or self._actors.known(token) is not found.actor
            or not self._state.budgets.spend(found.actor, found.question.cost)
        ):
            return None
        return found

    async def _anew(self, scope: Scope, token: str, body: bytes) -> _Repeated | None:
        """None: it is no remembered query, or nobody's. Raises GraphQLError (RATE_LIMITED)."""
        question = self._questions.get(body)
        if question is None or question.epoch != limits.epoch:
            question = await self._understood(body)
            if question is None:
                return None
        context = Context(Request(scope), None, authenticate)
        actor = context.actor = await self._actors.find(token or token_of(context))
        if actor is None:
            return None
        await self._state.budgets.charge(context, question.cost)
        parts = self._operations.parts(
            question.operation, question.variables, question.written, actor, context
        )
        if parts is None:
            self._questions.forget(body)
            return None
        found = _Repeated(question, actor, parts)
        if token and len(body) <= _LONGEST_REMEMBERED:
            self._repeated[token, body] = found
        return found

    async def _understood(self, body: bytes) -> _Question | None:
        asked = orjson.loads(body)
        if not _KNOWN.issuperset(asked):
            return None
        text = await self._state.persisted.document(asked)
        name, variables = asked.get("operationName"), asked.get("variables")
        if variables is None:
            variables = {}
        operation = self._operations.find(text, name)
        if operation is None or not isinstance(variables, dict) or not _plain(asked.get("extensions")):
            return None
        label = operation.node.name.value if operation.node.name else None
        cost = limits.cost_of(parsed(operation.text), name, variables)
        question = _Question(operation, label, variables, written(variables), cost, limits.epoch)
        if len(body) <= _LONGEST_REMEMBERED:
            self._questions[body] = question
        return question


def _plain(extensions: Any) -> bool:
    """Whether they ask for nothing but a persisted document."""
    return not extensions or (isinstance(extensions, dict) and extensions.keys() == {"persistedQuery"})
