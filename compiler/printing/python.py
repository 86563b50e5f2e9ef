"""Python source as trees: templates become `ast`, trees become text; parentheses are never guessed."""

from __future__ import annotations

import ast
import copy
import re
from functools import cache
from keyword import iskeyword
from typing import Any

_SLOT = re.compile(r"\{(\d+)\}")


def expression(template: str, *slots: ast.expr | str | int) -> ast.expr:
    """The expression ``template`` with ``{0}``, ``{1}``, … replaced by expressions, names or numbers.

    Trees share what has no slots: nobody may change one."""
    parts = [_as_expression(slot) for slot in slots]
    filled: ast.expr = _filled(_parse(template), parts)
    return filled


def rewritten(tree: ast.expr, by: ast.NodeTransformer) -> ast.expr:
    """A copy of the tree, changed."""
    return by.visit(copy.deepcopy(tree))  # type: ignore[no-any-return]  # visit keeps an expr an expr


def text(tree: ast.expr | str) -> str:
    """Source text of an expression."""
    return tree if isinstance(tree, str) else ast.unparse(tree)


def name(identifier: str) -> ast.expr:
    return ast.Name(identifier, ast.Load())


@cache
def _parse(template: str) -> ast.expr:
    if template.isidentifier() and not iskeyword(template):
        return ast.Name(template, ast.Load())  # most are names, and parsing is slow
    tree = ast.parse(_SLOT.sub(r"_slot_\1", template), mode="eval").body
    _mark(tree)
    return tree


def _mark(node: Any) -> bool:
    """Whether a tree has slots; it and its parts then know."""
    children = [_mark(child) for child in ast.iter_child_nodes(node)]
    if any(children) or (isinstance(node, ast.Name) and node.id.startswith("_slot_")):
        node.open = True
        return True
    return False


def _as_expression(slot: ast.expr | str | int) -> ast.expr:
    if isinstance(slot, ast.expr):
        return slot
    return _parse(str(slot))


def _filled(node: Any, parts: list[ast.expr]) -> Any:
    """A template's tree with parts for its slots."""
    if isinstance(node, list):
        return [_filled(item, parts) for item in node]
    if not hasattr(node, "open"):
        return node
    if isinstance(node, ast.Name):
        return parts[int(node.id.removeprefix("_slot_"))]
    return type(node)(*(_filled(getattr(node, field), parts) for field in node._fields))
