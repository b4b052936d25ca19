"""graphql-transport-ws: sockets on which one operation's failure is not the others', and a login's end is noticed."""

from dataclasses import replace
from typing import Any

from graphql import GraphQLError, OperationType
from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.types.execution import PreExecutionError

from api import streams
from api.context import Context
from api.documents import kind_of
from api.errors import coded

_NAMES_A_DOCUMENT = {"query", "documentId", "extensions"}


class TextSocket(ASGIWebSocketAdapter):
    """Sends JSON in text frames, as the protocol wants: a browser hands binary ones to its page as blobs."""

    async def send_json(self, message: Any) -> None:
        try:
            await self.ws.send_text(self.view.encode_json_string(message))
        except WebSocketDisconnect as gone:
            raise WebSocketDisconnected from gone


class TransportWSHandler(BaseGraphQLTransportWSHandler[Context, None]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._extensions: dict[str, dict[str, Any]] = {}

    async def handle_message(self, message: Any) -> None:
        if _well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("This is no message of graphql-transport-ws.")

    async def handle_subscribe(self, message: Any) -> None:
        """Begins an operation, its document looked up if it is only named."""
        limit = self.max_subscriptions_per_connection
        if limit is not None and len(self.operations) >= limit and message["id"] not in self.operations:
            told = f"At most {limit} operations run on one socket at once. End some, or open another socket."
            error = GraphQLError(told, extensions={"code": "TOO_MANY_OPERATIONS", "allowed": limit})
            await self._refuse(message["id"], error)
            return
        payload = message["payload"]
        try:
            if self.connection_acknowledged:
                persisted = self.context.request.app.state.persisted
                payload["query"] = await persisted.document(payload) or ""
        except GraphQLError as error:
            await self._refuse(message["id"], error)
            return
        payload.setdefault("query", "")
        await super().handle_subscribe(message)
        if message["id"] in self.operations:
            self._extensions[message["id"]] = payload.get("extensions") or {}

    async def _refuse(self, name: str, error: GraphQLError) -> None:
        await self.send_message({"id": name, "type": "error", "payload": [error.formatted]})

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Runs it for whoever holds the login by now: the socket may be older than its end.

        Each operation has a context of its own, so that one's extensions and events are not another's.
        """
        try:
            await self.context.renew()
        except Exception as error:  # noqa: BLE001  whatever it is, the caller hears of it
            await operation.send_initial_errors([coded(error)])
            return
        extensions = self._extensions.pop(operation.id, {})
        resume_after = extensions.get("resumeAfter")
        context = replace(
            self.context,
            extensions=extensions,
            wants_cost=extensions.get("cost") is True,
            resume_after=resume_after if isinstance(resume_after, str) else None,
        )
        await self._run(operation, context)

    async def _run(self, operation: Operation[Context, None], context: Context) -> None:
        results = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
            operation_extensions=context.extensions,
        )
        kind = kind_of(operation.query, operation.operation_name)
        fit = streams.delivered(results, context, limited=kind is not OperationType.SUBSCRIPTION)
        try:
            await self._send_result_stream(operation, fit)  # type: ignore[arg-type]
            await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except (WebSocketDisconnected, RuntimeError):  # the socket is closed: nobody is left to tell
            self.operations.pop(operation.id, None)
        finally:
            await results.aclose()

    async def _handle_pre_execution_error(
        self, operation: Operation[Context, None], result: PreExecutionError
    ) -> None:
        """A document that does not parse is its operation's error, not the connection's."""
        await operation.send_initial_errors(result.errors or [])


def _well_formed(message: Any) -> bool:
    """Whether the protocol can make sense of it; what it does not name, the base class refuses itself."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in {"subscribe", "complete"}:
        return True
    return isinstance(message.get("id"), str) and (
        message["type"] == "complete" or _is_request(message.get("payload"))
    )


def _is_request(payload: Any) -> bool:
    if not isinstance(payload, dict) or not (payload.keys() & _NAMES_A_DOCUMENT):
        return False
    texts, objects = ("query", "operationName", "documentId"), ("variables", "extensions")
    return all(isinstance(payload.get(name), str | None) for name in texts) and all(
        isinstance(payload.get(name), dict | None) for name in objects
    )


async def connect(context: Context) -> dict[str, object]:
    """Accepts the socket of somebody who is logged in: by cookie, or by a token in `connection_init`."""
    context.actor = await context.authenticate(context)
    if context.actor is None:
        raise ConnectionRejectionError({"code": "UNAUTHENTICATED"})
    return {}
