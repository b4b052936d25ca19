"""graphql-transport-ws: sockets on which one operation's failure is not the others', and a login's end is noticed."""

from collections.abc import AsyncGenerator
from typing import Any

from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.types.execution import ExecutionResult, PreExecutionError

from api.context import Context
from api.errors import coded, with_code


class TextSocket(ASGIWebSocketAdapter):
    """Sends JSON in text frames, as the protocol wants: a browser hands binary ones to its page as blobs."""

    async def send_json(self, message: Any) -> None:
        try:
            await self.ws.send_text(self.view.encode_json_string(message))
        except WebSocketDisconnect as gone:
            raise WebSocketDisconnected from gone


class TransportWSHandler(BaseGraphQLTransportWSHandler[Context, None]):
    async def handle_message(self, message: Any) -> None:
        if _well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("This is no message of graphql-transport-ws.")

    async def handle_subscribe(self, message: Any) -> None:
        limit = self.max_subscriptions_per_connection
        if limit is None or len(self.operations) < limit or message["id"] in self.operations:
            await super().handle_subscribe(message)
            return
        told = f"At most {limit} operations run on one socket at once. End some, or open another socket."
        error = GraphQLError(told, extensions={"code": "TOO_MANY_OPERATIONS"})
        await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Runs it for whoever holds the login by now: the socket may be older than its end."""
        try:
            await self.context.renew()
        except Exception as error:  # noqa: BLE001  whatever it is, the caller hears of it
            await operation.send_initial_errors([coded(error)])
            return
        await super().run_operation(operation)

    async def _send_result_stream(self, operation: Operation[Context, None], result_source: Any) -> None:
        await super()._send_result_stream(operation, _with_codes(result_source))

    async def _handle_pre_execution_error(
        self, operation: Operation[Context, None], result: PreExecutionError
    ) -> None:
        """A document that does not parse is its operation's error, not the connection's."""
        await operation.send_initial_errors(result.errors or [])


async def _with_codes(results: Any) -> AsyncGenerator[Any, None]:
    """The results, their errors coded; what is raised instead (such as by the parser's cache) is one more result."""
    try:
        async for result in results:
            if isinstance(result, ExecutionResult) and result.errors:
                result.errors = [with_code(error) for error in result.errors]
            yield result
    except Exception as error:  # noqa: BLE001  whatever it is, the caller hears of it
        yield PreExecutionError(data=None, errors=[with_code(coded(error))])


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
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )


async def connect(context: Context) -> dict[str, object]:
    """Accepts the socket of somebody who is logged in: by cookie, or by a token in `connection_init`."""
    context.actor = await context.authenticate(context)
    if context.actor is None:
        raise ConnectionRejectionError({"code": "UNAUTHENTICATED"})
    return {}
