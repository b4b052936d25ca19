"""Results that come one after another: their errors coded, their time limited, their events numbered, their framing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from graphql import GraphQLError
from graphql.execution import CompletedResult, SubsequentIncrementalExecutionResult
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


class Places:
    """Where each result of one answer in parts belongs, told to clients of either format.

    Strawberry writes the path of the fragment or list alone, with an id: the newer format (`incrementalSpec=v0.2`), in
    which clients count the items of a list and look for failures in `completed`. Those of the older one (Apollo's,
    urql, Relay) read `path`, and would put what lies deeper (`subPath`) in the fragment's place, an item over the first
    one of its list, and never hear of a fragment that failed as a whole.
    """

    def __init__(self, accept: str | None) -> None:
        self._counted_by_client = "incrementalspec=" in (accept or "").lower()
        self._paths: dict[str, list[str | int]] = {}
        self._lengths: dict[str, int] = {}
        """Of the lists that are on their way, as far as they have been sent."""

    def placed(self, part: dict[str, Any]) -> dict[str, Any]:
        """The same part with whole paths."""
        for result in part.get("incremental", ()):
            result["path"] = [*result["path"], *result.get("subPath", ())]
        for pending in part.get("pending", ()):
            self._paths[pending["id"]] = pending["path"]
            self._lengths[pending["id"]] = _length(part, pending["path"])
        for result in part.get("incremental", ()):
            if "items" in result:
                result["path"].append(self._lengths[result["id"]])
                self._lengths[result["id"]] += len(result["items"] or ())
        if not self._counted_by_client:
            self._tell_failures(part)
        if part.get("extensions") is None:
            part.pop("extensions", None)  # absent, or an object: never null
        return part

    def _tell_failures(self, part: dict[str, Any]) -> None:
        failed = [each for each in part.get("completed", ()) if each.get("errors")]
        for each in failed:
            told = {"id": each["id"], "path": self._paths.get(each["id"], []), "errors": each["errors"]}
            part.setdefault("incremental", []).append(told)


def _length(part: dict[str, Any], path: list[str | int]) -> int:
    """How much of the list at this path the part itself holds; 0 if there is no list."""
    trees: list[tuple[list[str | int], Any]] = [([], part.get("data"))]
    trees += [(each["path"], each.get("data")) for each in part.get("incremental", ())]
    for above, tree in trees:
        if path[: len(above)] == above and isinstance(found := _at(tree, path[len(above) :]), list):
            return len(found)
    return 0


def _at(tree: Any, path: list[str | int]) -> Any:
    for step in path:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):  # it came in another part, or as finished JSON
            return None
    return tree


def timeout_error() -> GraphQLError:
    seconds = settings().request_timeout_seconds
    message = f"The operation took longer than the {seconds} s allowed. Ask for less at once."
    return GraphQLError(message, extensions={"code": "TIMEOUT", "limit": "seconds", "allowed": seconds})


async def in_time(results: Any, pending: Sequence[Any], end: float) -> AsyncGenerator[Any, None]:
    """The later parts of an answer, up to the deadline: what is still pending by then has failed, and its work ends.

    `end` is the deadline by the running loop's clock, in seconds.
    """
    waiting = {each.id for each in pending}
    try:
        while True:
            async with asyncio.timeout_at(end):
                part = await anext(results)
            waiting |= {each.id for each in part.pending or ()}
            waiting -= {each.id for each in part.completed or ()}
            yield part
    except StopAsyncIteration:
        return
    except TimeoutError:
        failed = [CompletedResult(each, [leaving(timeout_error())]) for each in sorted(waiting)]
        yield SubsequentIncrementalExecutionResult(has_next=False, completed=failed)
    finally:
        await results.aclose()


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
