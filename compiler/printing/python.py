"""Python source as trees: templates become `ast`, trees become text; parentheses are never guessed."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Sequence
from functools import cache
from keyword import iskeyword
from operator import itemgetter
from typing import Any

from .unparse import source

SLOT = re.compile(r"\{(\d+)\}")
MARK = "_slot_"

Fill = Callable[[Sequence[ast.expr]], Any]  # makes a tree, given what goes into the slots


def expression(template: str, *slots: ast.expr | str | int) -> ast.expr:
    """The expression ``template`` with ``{0}``, ``{1}``, … replaced by expressions, names or numbers.

    Trees share what has no slots: nobody may change one."""
    tree, fill = _parse(template)
    if fill is None:
        return tree
    made: ast.expr = fill([slot if isinstance(slot, ast.expr) else _parse(str(slot))[0] for slot in slots])
    return made


def rewritten(tree: ast.expr, by: ast.NodeTransformer) -> ast.expr:
    """A copy of the tree, changed."""
    return by.visit(copy.deepcopy(tree))  # type: ignore[no-any-return]  # visit keeps an expr an expr


def text(tree: ast.expr | str) -> str:
    """Source text of an expression."""
    return tree if isinstance(tree, str) else source(tree)


def name(identifier: str) -> ast.expr:
    return ast.Name(identifier, ast.Load())


@cache
def _parse(template: str) -> tuple[ast.expr, Fill | None]:
    """A template's tree, and what fills its slots if it has any."""
    if template.isidentifier() and not iskeyword(template):
        return ast.Name(template, ast.Load()), None  # most are names, and parsing is slow
    tree = ast.parse(SLOT.sub(rf"{MARK}\1", template), mode="eval").body
    return tree, _filler(tree)


def _filler(node: Any) -> Fill | None:
    """What makes this part of a template's tree; None where it has no slots and is the same in all trees."""
    if isinstance(node, ast.Name) and node.id.startswith(MARK):
        return itemgetter(int(node.id.removeprefix(MARK)))
    values = node if isinstance(node, list) else [getattr(node, name) for name in node._fields]
    fills = [_filler(value) if isinstance(value, (list, ast.AST)) else None for value in values]
    if not any(fills):
        return None
    parts = tuple(zip(values, fills))
    if isinstance(node, list):
        return lambda slots: [fill(slots) if fill else value for value, fill in parts]
    kind = type(node)
    return lambda slots: kind(*[fill(slots) if fill else value for value, fill in parts])
