"""Results that come one after another: their errors coded, their time limited, their events numbered, their framing."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from graphql import GraphQLError
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.streaming import JSONEncoder, MultipartSubscriptionTransport, SSETransport
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from api.context import Context
from api.errors import coded, leaving
from api.introspection import discreet
from crm.kernel.settings import settings

EVENT_ID = "eventId"
_UNTOUCHED = {"cache-control": "no-store, no-transform", "x-accel-buffering": "no"}


class EventStream(SSETransport):
    """graphql-sse's distinct connections mode, in lines that end as urql and EventSource both read them.

    An event that a subscription can go on from has its id in the `id` line too: browsers send it back as
    `Last-Event-ID`.
    """

    headers: ClassVar[Mapping[str, str]] = {"content-type": "text/event-stream; charset=utf-8", **_UNTOUCHED}

    def encode_next(self, response: GraphQLHTTPResponse, encode_json: JSONEncoder) -> str:
        event = (response.get("extensions") or {}).get(EVENT_ID)
        numbered = f"id: {event}\n" if event else ""
        return numbered + self.encode_event("next", encode_json(response))

    def encode_event(self, event: str, data: str | None = None) -> str:
        return f"event: {event}\ndata: {data or ''}\n\n"

    def encode_comment(self, comment: str) -> str:
        return f": {comment}\n\n"


class SubscriptionParts(MultipartSubscriptionTransport):
    """Apollo's multipart subscriptions. `identity` keeps the parts from waiting in a compressor."""

    @property
    def headers(self) -> Mapping[str, str]:
        return {**super().headers, **_UNTOUCHED, "content-encoding": "identity"}


def placed(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a deferred answer, each of its results at its whole path.

    Strawberry writes the path of the fragment alone; clients that read `path` (Apollo's older format, urql, Relay)
    would put what lies deeper (`subPath`) in the fragment's place.
    """
    for result in part.get("incremental", ()):
        result["path"] = [*result["path"], *result.get("subPath", ())]
    if part.get("extensions") is None:
        part.pop("extensions", None)  # absent, or an object: never null
    return part


def timeout_error() -> GraphQLError:
    seconds = settings().request_timeout_seconds
    message = f"The operation took longer than the {seconds} s allowed. Ask for less at once."
    return GraphQLError(message, extensions={"code": "TIMEOUT", "limit": "seconds", "allowed": seconds})


async def delivered(results: Any, context: Context, *, limited: bool) -> AsyncIterator[Any]:
    """The results, fit to leave. What is raised instead is one more result; `limited` ones end at the deadline."""
    end = asyncio.get_running_loop().time() + settings().request_timeout_seconds if limited else None
    while True:
        try:
            async with asyncio.timeout_at(end):
                result = await anext(results)
        except StopAsyncIteration:
            return
        except TimeoutError:
            yield PreExecutionError(data=None, errors=[timeout_error()])
            return
        except Exception as error:  # noqa: BLE001  whatever it is, the caller hears of it
            yield PreExecutionError(data=None, errors=[leaving(coded(error))])
            return
        yield _fit(result, context)


def _fit(result: Any, context: Context) -> Any:
    if not isinstance(result, ExecutionResult):
        return result
    if result.errors:
        result.errors = [discreet(leaving(error), context.actor) for error in result.errors]
    if context.event_id:
        result.extensions = {**(result.extensions or {}), EVENT_ID: context.event_id}
    return result
