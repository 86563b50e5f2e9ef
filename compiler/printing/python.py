"""Python source as trees: templates become `ast`, trees become text; parentheses are never guessed."""

from __future__ import annotations

import ast
import copy
import re
from functools import cache

_SLOT = re.compile(r"\{(\d+)\}")


def expression(template: str, *slots: ast.expr | str | int) -> ast.expr:
    """The expression ``template`` with ``{0}``, ``{1}``, … replaced by expressions, names or numbers."""
    parts = [_as_expression(slot) for slot in slots]
    tree = copy.deepcopy(_parse(template))
    return _Fill(parts).visit(tree)  # type: ignore[no-any-return]  # visit keeps an expr an expr


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


class _Fill(ast.NodeTransformer):
    def __init__(self, parts: list[ast.expr]) -> None:
        self.parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id.startswith("_slot_"):
            return self.parts[int(node.id.removeprefix("_slot_"))]
        return node
