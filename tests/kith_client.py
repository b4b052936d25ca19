"""A small GraphQL caller for tests: what any client does, with the errors made loud."""

import json
import ssl
from dataclasses import dataclass, field
from typing import Any

import httpx

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # by default each client loads all certificates: 0.1 s


class GraphQLFailed(AssertionError):
    """The response carries `errors`; `codes` are theirs."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors
        self.codes = [error["extensions"]["code"] for error in errors]


@dataclass
class Kith:
    """Talks to one server as one person. `token` None: as nobody."""

    url: str
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def graphql(
        self, document: str, variables: dict[str, Any] | None = None, **headers: str
    ) -> dict[str, Any]:
        """The `data` of an operation. Raises GraphQLFailed when there are errors."""
        answer = (await self.post({"query": document, "variables": variables or {}}, **headers)).json()
        if answer.get("errors"):
            raise GraphQLFailed(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        credentials = {"authorization": f"Bearer {self.token}"} if self.token else {}
        async with httpx.AsyncClient(base_url=self.url, timeout=60, verify=_NO_TLS) as client:
            return await client.post("/graphql", json=body, headers=self.headers | credentials | headers)

    async def mutate(
        self, name: str, input_type: str, selection: str, input: dict[str, Any], **headers: str
    ) -> dict[str, Any]:
        """The payload of one mutation, `errors { __typename code message path }` included."""
        document = (
            f"mutation ($input: {input_type}!) {{ {name}(input: $input) "
            f"{{ {selection} errors {{ __typename code message path }} }} }}"
        )
        payload: dict[str, Any] = (await self.graphql(document, {"input": input}, **headers))[name]
        return payload

    async def upload(
        self,
        name: str,
        input_type: str,
        selection: str,
        input: dict[str, Any],
        file: tuple[str, bytes],
        **headers: str,
    ) -> dict[str, Any]:
        """As `mutate`, for an input with a `file`, by the multipart request specification."""
        document = (
            f"mutation ($input: {input_type}!) {{ {name}(input: $input) "
            f"{{ {selection} errors {{ __typename code message path }} }} }}"
        )
        operations = {"query": document, "variables": {"input": input | {"file": None}}}
        parts = {"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.input.file"]})}
        sent = {"x-kith-client": "tests"} | self.headers | headers
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        async with httpx.AsyncClient(base_url=self.url, timeout=60, verify=_NO_TLS) as client:
            response = await client.post("/graphql", data=parts, files={"0": file}, headers=sent)
        answer = response.json()
        if answer.get("errors"):
            raise GraphQLFailed(answer["errors"])
        payload: dict[str, Any] = answer["data"][name]
        return payload
