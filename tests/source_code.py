"""Our own source code as trees: its functions, and which of them can reach which."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("api", "crm", "demo", "stack", "workers")
Def = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file. `name` is its dotted name; `parts` of a package's __init__ lack that word."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @cached_property
    def names(self) -> dict[str, str]:
        """What its names stand for, in full, as far as they are ours."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES:
                found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        own = (n for n in self.tree.body if isinstance(n, Def | ast.ClassDef))
        return found | {node.name: f"{self.name}.{node.name}" for node in own}

    def meant(self, node: ast.AST) -> str | None:
        """The full name an expression such as `changes.keep` stands for; None for what is not ours."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Attribute(value=value, attr=name):
                owner = self.meant(value)
                return f"{owner}.{name}" if owner else None
        return None


@dataclass(frozen=True)
class Function:
    """A function or method. `name` is its full dotted name."""

    name: str
    module: Module
    node: Def

    @property
    def public(self) -> bool:
        return not any(part.startswith("_") for part in self.name.split("."))

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def decorators(self) -> set[str]:
        """Such as `strawberry.field`, whether called or not."""
        return {ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in self.node.decorator_list}

    def mentions(self) -> set[str]:
        """Full names of ours it refers to, called or not."""
        return {name for node in ast.walk(self.node) if (name := self.module.meant(node))}

    def inside(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.node) if isinstance(node, kinds))


@cache
def modules() -> tuple[Module, ...]:
    """Every file of ours but the migrations."""
    return tuple(_module(path) for package in PACKAGES for path in sorted((CHECKOUT / package).rglob("*.py")))


def _module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
    return Module(name, path, ast.parse(text), len(text.splitlines()))


@cache
def functions() -> dict[str, Function]:
    """Functions and methods by their full names; not those inside functions, which belong to them."""
    found = {}
    for module in modules():
        for node in module.tree.body:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            owner = f"{module.name}.{node.name}" if isinstance(node, ast.ClassDef) else module.name
            for each in inner:
                if isinstance(each, Def):
                    name = f"{owner}.{each.name}"
                    found[name] = Function(name, module, each)
    return found


@cache
def reach(name: str) -> frozenset[str]:
    """The full names a function refers to, itself included, through whatever it refers to."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += functions()[current].mentions() if current in functions() else ()
    return frozenset(seen)


def select(package: str, condition: Callable[[Function], bool]) -> set[str]:
    """Full names of the functions below a package that fulfil a condition."""
    return {name for name, each in functions().items() if name.startswith(f"{package}.") and condition(each)}
