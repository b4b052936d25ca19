"""Servers that are up, and how to ask them one thing at a time."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.cluster import Cluster
from bench.contestants import Contestant
from bench.data import READER
from bench.load import PATH, BadAnswer
from bench.processes import Running, free_port, serving
from bench.queries import Values
from crm.accounts.models import User
from crm.accounts.tokens import create_token
from crm.kernel import database
from crm.kernel.actor import Actor
from crm.kernel.clock import now


@dataclass(frozen=True, slots=True)
class Server:
    """A contestant that is up. `token` is for Kith; the others take no notice of it."""

    contestant: Contestant
    running: Running
    token: str

    def ask(self, operation: str, document: str, variables: Values) -> Any:
        asked = {"query": document, "variables": variables, "operationName": operation}
        return self.answer(json.dumps(asked).encode())

    def answer(self, body: bytes) -> Any:
        """`data` of the answer to one request. Raises BadAnswer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        address = f"http://127.0.0.1:{self.running.port}{PATH}"
        request = urllib.request.Request(address, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310  our own server
                found = json.load(response)
        except urllib.error.HTTPError as refusal:
            found = {"errors": refusal.read().decode()}
        if found.get("errors") or found.get("data") is None:
            raise BadAnswer(f"{self.contestant.name} answered {str(found)[:500]} to {body[:300]!r}")
        return found["data"]


@contextlib.contextmanager
def started(contestant: Contestant, servers: Cluster, token: str, logs: Path) -> Iterator[Server]:
    """The contestant's server for the length of the block, its words in `logs`. The settings must be the cluster's."""
    port = free_port()
    told = {**servers.environment, **contestant.environment, "PORT": str(port)}
    log = logs / f"{contestant.name}-{port}.log"
    command = contestant.command_on(port)
    with serving(command, port, environment=told, directory=contestant.directory, log=log) as running:
        yield Server(contestant, running, token)


async def reader_token() -> str:
    """A token that may read, of a manager who is in every unit but sees no more than those."""
    await database.connect()
    try:
        user = await User.get(email=READER)
        actor = Actor(user.id, user.name, user.role)
        made = await create_token(actor=actor, name="bench", expires_at=now() + timedelta(days=1))
        return made.secret
    finally:
        await database.close()
