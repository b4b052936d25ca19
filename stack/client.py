"""A small asynchronous client of Kith's API: what any script of a customer would do, nothing the API does not offer."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from stack.errors import CallFailed

Json = dict[str, Any]

PROTOCOL = Subprotocol("graphql-transport-ws")
TIMEOUT_SECONDS = 60
RENEW_BEFORE = timedelta(minutes=1)
PAGE_SIZE = 100
WRONG_ADDRESS = "Is it the address of Kith?"

_LOGIN = "accessToken accessExpiresAt refreshToken"


class Client:
    """Talks to one Kith as one person; an asynchronous context manager.

    `url` is the address of the API without a path. Calls may be made at once, as many as `connections` at a time.
    """

    def __init__(self, url: str, *, connections: int = 8) -> None:
        self.url = url.rstrip("/")
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        headers = {"x-kith-client": "kith"}  # without it the API takes no uploads: a form cannot set it
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(TIMEOUT_SECONDS, pool=None),
            limits=limits,
            headers=headers,
        )
        self._login: Json = {}
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    def another(self) -> "Client":
        """Return a client of the same Kith that is not logged in yet; to be closed by its user."""
        return Client(self.url)

    async def log_in(self, email: str, password: str) -> None:
        """Begin a login, renewed by itself from then on. Raises CallFailed."""
        credentials = {"email": email, "password": password}
        self._login = await self.mutate("logIn", "LogInInput", credentials, _LOGIN)

    async def query(self, document: str, variables: Mapping[str, object] | None = None) -> Json:
        """Return the `data` of any operation. Raises CallFailed."""
        body = {"query": document, "variables": dict(variables or {})}
        headers = await self._authorization()
        return await _answer(self.url, self._http.post("/graphql", json=body, headers=headers))

    async def mutate(
        self, name: str, input_type: str, given: Mapping[str, object], selection: str = ""
    ) -> Json:
        """Call one mutation with its input and return its payload.

        Raises CallFailed with everything the payload's `errors` say.
        """
        document = mutation(name, input_type, selection)
        return _accepted((await self.query(document, {"input": given}))[name])

    async def upload(
        self, name: str, input_type: str, given: Mapping[str, object], file: Path, selection: str = ""
    ) -> Json:
        """Call a mutation whose input has a `file`, by the multipart request specification. Raises CallFailed."""
        variables = {"input": {**given, "file": None}}
        operations = {"query": mutation(name, input_type, selection), "variables": variables}
        parts = {"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.input.file"]})}
        headers = await self._authorization()
        with file.open("rb") as content:
            request = self._http.post(
                "/graphql", data=parts, files={"0": (file.name, content)}, headers=headers
            )
            return _accepted((await _answer(self.url, request))[name])

    async def nodes(self, field: str, selection: str, arguments: str = "") -> list[Json]:
        """Return every row of a list at the root, page by page; `arguments` as in a document. Raises CallFailed."""
        document = (
            f"query ($after: String) {{ {field}(first: {PAGE_SIZE}, after: $after {arguments}) "
            f"{{ nodes {{ {selection} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        )
        found: list[Json] = []
        page: Json = {"hasNextPage": True, "endCursor": None}
        while page["hasNextPage"]:
            answer = (await self.query(document, {"after": page["endCursor"]}))[field]
            found += answer["nodes"]
            page = answer["pageInfo"]
        return found

    async def subscribe(
        self, document: str, variables: Mapping[str, object] | None = None
    ) -> AsyncGenerator[Json, None]:
        """Yield the `data` of each event of a subscription until the API ends it. Raises CallFailed."""
        operation = {"query": document, "variables": dict(variables or {})}
        try:
            async with self._socket() as socket:
                await socket.send(_message("subscribe", id="1", payload=operation))
                async for text in socket:
                    data = await _heard(socket, json.loads(text))
                    if data is None:
                        return
                    yield data
        except (OSError, WebSocketException) as error:
            raise CallFailed(f"The connection to {self.url} was lost: {error}.") from error

    async def download(self, url: str) -> bytes:
        """Return the content behind a link the API gave, at the address we know it by. Raises CallFailed."""
        answer = await _response(self.url, self._http.get(urlsplit(url).path))
        if answer.status_code != httpx.codes.OK:
            raise CallFailed(f"The file is not there any more ({answer.status_code}). Ask for a fresh link.")
        return answer.content

    async def _authorization(self) -> dict[str, str]:
        if not self._login:
            return {}
        async with self._renewing:
            if datetime.fromisoformat(self._login["accessExpiresAt"]) - datetime.now(UTC) < RENEW_BEFORE:
                await self._renew()
        return {"authorization": f"Bearer {self._login['accessToken']}"}

    async def _renew(self) -> None:
        variables = {"input": {"refreshToken": self._login["refreshToken"]}}
        body = {"query": mutation("refreshLogin", "RefreshLoginInput", _LOGIN), "variables": variables}
        answer = await _answer(self.url, self._http.post("/graphql", json=body))
        self._login = _accepted(answer["refreshLogin"])

    @asynccontextmanager
    async def _socket(self) -> AsyncIterator[ClientConnection]:
        """An acknowledged connection."""
        address = f"ws{self.url.removeprefix('http')}/graphql"
        async with connect(address, subprotocols=[PROTOCOL], max_size=None) as socket:
            await socket.send(_message("connection_init", payload=await self._authorization()))
            await socket.recv()
            yield socket


def mutation(name: str, input_type: str, selection: str) -> str:
    """Return the document of one mutation with the argument `input`."""
    return (
        f"mutation ($input: {input_type}!) {{ {name}(input: $input) "
        f"{{ {selection} errors {{ code message path }} }} }}"
    )


async def _answer(url: str, request: Awaitable[httpx.Response]) -> Json:
    """The `data` of a GraphQL response."""
    response = await _response(url, request)
    try:
        answer: Json = response.json()
        errors, data = answer.get("errors"), answer.get("data")
    except (ValueError, AttributeError):
        raise CallFailed(
            f"{url} answered {response.status_code}, and not as Kith does. {WRONG_ADDRESS}"
        ) from None
    if response.status_code == httpx.codes.NOT_FOUND:
        raise CallFailed(f"{url} answered 404, and not as Kith does. {WRONG_ADDRESS}")
    if errors:
        raise CallFailed(_sentences(errors), tuple(error["extensions"]["code"] for error in errors))
    if not isinstance(data, dict):
        raise CallFailed(f"{url} does not answer as Kith does. {WRONG_ADDRESS}")
    return data


async def _response(url: str, request: Awaitable[httpx.Response]) -> httpx.Response:
    try:
        return await request
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise CallFailed(f"Kith does not answer at {url}: {str(error) or type(error).__name__}.") from error


def _accepted(payload: Json) -> Json:
    if payload["errors"]:
        raise CallFailed(_sentences(payload["errors"]), tuple(error["code"] for error in payload["errors"]))
    return payload


def _sentences(errors: list[Json]) -> str:
    """What they say, each once, with the place it is about."""
    told = {
        f"{'.'.join(map(str, e.get('path') or ()))}: {e['message']}".removeprefix(": "): None for e in errors
    }
    return " ".join(told)


async def _heard(socket: ClientConnection, message: Json) -> Json | None:
    """The data of the next event; None when there will be none."""
    while message["type"] in {"ping", "pong", "connection_ack"}:
        if message["type"] == "ping":
            await socket.send(_message("pong"))
        message = json.loads(await socket.recv())
    if message["type"] == "complete":
        return None
    errors = message["payload"] if message["type"] == "error" else message["payload"].get("errors")
    if errors:
        raise CallFailed(_sentences(errors), tuple(error["extensions"]["code"] for error in errors))
    data: Json = message["payload"]["data"]
    return data


def _message(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields})
