"""Every error code that may reach a caller, collected from the source code."""

import ast
import re
from collections.abc import Iterator

from source_code import Function, Module, functions, modules

_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def error_codes() -> dict[str, str]:
    """Codes, each with a module that uses it."""
    places = _positions()
    ours = [module for module in modules() if module.name.split(".")[0] in {"api", "crm"}]
    return {code: module.name for module in ours for code in _codes_of(module, places)}


def _positions() -> dict[str, int]:
    """The functions and classes of ours that are given a `code`, and in which place."""
    found = {name: names.index("code") for name, names in _parameters() if "code" in names}
    return {name: place for name, place in found.items() if not name.startswith("crm.kernel.values.")}


def _parameters() -> Iterator[tuple[str, list[str]]]:
    for name, function in functions().items():
        yield name.removesuffix(".__init__"), _own_parameters(function)
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                fields = [each.target.id for each in node.body if _is_field(each)]  # type: ignore[union-attr]
                yield f"{module.name}.{node.name}", fields


def _own_parameters(function: Function) -> list[str]:
    names = [argument.arg for argument in function.node.args.args]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _is_field(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)


def _codes_of(module: Module, places: dict[str, int]) -> Iterator[str]:
    for node in ast.walk(module.tree):
        for value in _code_values(module, node, places):
            for each in ast.walk(value):
                if (
                    isinstance(each, ast.Constant)
                    and isinstance(each.value, str)
                    and _CODE.fullmatch(each.value)
                ):
                    yield each.value


def _code_values(module: Module, node: ast.AST, places: dict[str, int]) -> Iterator[ast.expr]:
    """`code = …`, `codes = {…}`, `{"code": …}`, `f(code=…)`, `Problem(path, …)` and members of enums called …Code."""
    match node:
        case ast.Assign(targets=[ast.Name(id="code" | "codes")], value=value):
            yield value
        case ast.Dict(keys=keys, values=values):
            yield from (v for k, v in zip(keys, values, strict=True) if _is_word(k, "code"))
        case ast.Call(func=function, args=given, keywords=keywords):
            yield from (keyword.value for keyword in keywords if keyword.arg == "code")
            place = places.get(module.meant(function) or "")
            yield from given[place : place + 1] if place is not None else ()
        case ast.ClassDef(name=name, body=body) if name.endswith("Code"):
            yield from (member.value for member in body if isinstance(member, ast.Assign))


def _is_word(node: ast.expr | None, word: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == word
