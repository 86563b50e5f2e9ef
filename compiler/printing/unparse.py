"""The text of an expression's tree: what `ast.unparse` writes, in a quarter of its time.

A module of thousands of lines is as many calls. What expressions of modules are mostly made of has a line in
`WRITERS`; a tree with anything else in it goes to `ast.unparse`, and a test compares the two."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable
from typing import Any

ANY, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)  # how tightly what stands in a place must hold together
OPERATORS: dict[type, tuple[str, int]] = {
    ast.Add: ("+", SUM),
    ast.Sub: ("-", SUM),
    ast.Mult: ("*", PRODUCT),
    ast.MatMult: ("@", PRODUCT),
    ast.Div: ("/", PRODUCT),
    ast.FloorDiv: ("//", PRODUCT),
    ast.Mod: ("%", PRODUCT),
}


class _Unknown(Exception):
    """A node without a line here."""


def source(tree: ast.expr) -> str:
    """Source text of an expression."""
    try:
        return _text(tree, ANY)
    except _Unknown:
        return ast.unparse(tree)


def _text(node: Any, place: int) -> str:
    return WRITERS.get(type(node), _unknown)(node, place)


def _unknown(node: ast.AST, place: int) -> str:
    raise _Unknown


def _name(node: ast.Name, place: int) -> str:
    return node.id


def _constant(node: ast.Constant, place: int) -> str:
    if isinstance(node.value, (float, complex)) and not abs(node.value) < math.inf:
        raise _Unknown  # infinity has no name
    return "..." if node.value is ... else repr(node.value)


def _attribute(node: ast.Attribute, place: int) -> str:
    if isinstance(node.value, ast.Constant):
        raise _Unknown  # a blank may be needed before the point
    return f"{_text(node.value, ATOM)}.{node.attr}"


def _call(node: ast.Call, place: int) -> str:
    arguments = [_text(argument, ANY) for argument in node.args]
    arguments += [f"{word.arg}={_text(word.value, ANY)}" for word in node.keywords if word.arg]
    if len(arguments) < len(node.args) + len(node.keywords):
        raise _Unknown
    return f"{_text(node.func, ATOM)}({', '.join(arguments)})"


def _subscript(node: ast.Subscript, place: int) -> str:
    index = node.slice
    inner = _items(index.elts) if isinstance(index, ast.Tuple) and index.elts else _text(index, ANY)
    return f"{_text(node.value, ATOM)}[{inner}]"


def _slice(node: ast.Slice, place: int) -> str:
    if node.step is not None:
        raise _Unknown
    lower = "" if node.lower is None else _text(node.lower, ANY)
    return lower + ":" if node.upper is None else f"{lower}:{_text(node.upper, ANY)}"


def _tuple(node: ast.Tuple, place: int) -> str:
    return f"({_items(node.elts)})"


def _list(node: ast.List, place: int) -> str:
    return f"[{', '.join([_text(item, ANY) for item in node.elts])}]"


def _items(items: Iterable[ast.expr]) -> str:
    """With the comma that makes a tuple of one."""
    texts = [_text(item, ANY) for item in items]
    return texts[0] + "," if len(texts) == 1 else ", ".join(texts)


def _operation(node: ast.BinOp, place: int) -> str:
    sign, own = OPERATORS.get(type(node.op), ("", ANY))
    if not sign:
        raise _Unknown
    made = f"{_text(node.left, own)} {sign} {_text(node.right, own + 1)}"
    return f"({made})" if place > own else made


def _negative(node: ast.UnaryOp, place: int) -> str:
    if not isinstance(node.op, ast.USub):
        raise _Unknown
    made = f"-{_text(node.operand, SIGN)}"
    return f"({made})" if place > SIGN else made


WRITERS: dict[type, Callable[[Any, int], str]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.BinOp: _operation,
    ast.UnaryOp: _negative,
}
