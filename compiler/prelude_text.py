"""The text of prelude functions, for the printer to copy into a module; imports nothing of NumPy."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path


def prelude_names() -> frozenset[str]:
    """All functions of the prelude: names that a printed module may not use otherwise."""
    return frozenset(_functions())


def prelude_source(names: Iterable[str]) -> str:
    """The functions named and those they call, in the order of the prelude, as Python text."""
    functions, needed, found = _functions(), list(names), set[str]()
    while needed:
        name = needed.pop()
        if name not in found:
            found.add(name)
            needed += [word for word in _names(functions[name]) if word in functions]
    return "\n\n\n".join(_text(functions[name]) for name in functions if name in found)


@cache
def _functions() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(Path(__file__).with_name("prelude.py").read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _names(function: ast.FunctionDef) -> list[str]:
    return [node.id for node in ast.walk(function) if isinstance(node, ast.Name)]


def _text(function: ast.FunctionDef) -> str:
    lines = Path(__file__).with_name("prelude.py").read_text(encoding="utf-8").splitlines()
    return "\n".join(lines[function.lineno - 1 : function.end_lineno])
