"""Python source as trees: templates become `ast`, trees become text; parentheses are never guessed."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import Any

SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)  # one of each, without fields
_SLOT = re.compile(r"\{(\d+)\}")


def expression(template: str, *slots: ast.expr | str | int) -> ast.expr:
    """The expression ``template`` with ``{0}``, ``{1}``, … replaced by expressions, names or numbers."""
    parts = [_as_expression(slot) for slot in slots]
    filled: ast.expr = _filled(_parse(template), parts)
    return filled


def text(tree: ast.expr | str) -> str:
    """Source text of an expression."""
    return tree if isinstance(tree, str) else ast.unparse(tree)


def name(identifier: str) -> ast.expr:
    return ast.Name(identifier, ast.Load())


@cache
def _parse(template: str) -> ast.expr:
    return ast.parse(_SLOT.sub(r"_slot_\1", template), mode="eval").body


def _as_expression(slot: ast.expr | str | int) -> ast.expr:
    if isinstance(slot, ast.expr):
        return slot
    return _parse(str(slot))


def _filled(node: Any, parts: list[ast.expr]) -> Any:
    """A copy of a template's tree, with parts for its slots."""
    if isinstance(node, list):
        return [_filled(item, parts) for item in node]
    if not isinstance(node, ast.AST) or isinstance(node, SHARED):
        return node
    if isinstance(node, ast.Name) and node.id.startswith("_slot_"):
        return parts[int(node.id.removeprefix("_slot_"))]
    return type(node)(*(_filled(getattr(node, field), parts) for field in node._fields))
