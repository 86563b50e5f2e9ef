"""Our writer of expressions against Python's own: the same text for every tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product

import pytest
import rnnc
from compiled import EXAMPLES
from rnnc.compiler.driver import Options
from rnnc.compiler.printing import unparse

LEAVES = [ast.Name("a", ast.Load()), *map(ast.Constant, (2, -2, 0.5, 1e400, 1j, "it's", True, None, ...))]
SIGNS = (ast.Add, ast.Sub, ast.Mult, ast.MatMult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.BitAnd)


def around(*inner: ast.expr) -> Iterator[ast.expr]:
    """Every way to make a larger tree of these."""
    for left, right in product(inner, repeat=2):
        yield from (ast.BinOp(left, sign(), right) for sign in SIGNS)
        yield ast.Compare(left, [ast.LtE()], [right])
        yield ast.Call(left, [right], [])
        yield ast.Call(left, [], [ast.keyword("out", right)])
        yield ast.Call(left, [ast.Starred(right, ast.Load())], [ast.keyword(None, right)])
        yield from (ast.Subscript(left, index, ast.Load()) for index in indices(right))
    for one in inner:
        yield from (ast.UnaryOp(sign(), one) for sign in (ast.USub, ast.Not))
        yield ast.Attribute(one, "T", ast.Load())
        yield ast.List([one, one], ast.Load())
        yield from (ast.Tuple([one] * count, ast.Load()) for count in range(3))


def indices(part: ast.expr) -> Iterator[ast.expr]:
    slices = [ast.Slice(), ast.Slice(part), ast.Slice(None, part), ast.Slice(part, part, part)]
    yield from (part, *slices, ast.Tuple(slices, ast.Load()), ast.Tuple([part], ast.Load()))


def test_the_text_of_every_small_tree() -> None:
    name = LEAVES[0]
    small = [*LEAVES, *around(name)]
    for tree in [
        *around(*LEAVES),
        *(tree for one in small for tree in around(one)),
        *around(*list(around(name))),
    ]:
        tree = ast.parse(
            ast.unparse(tree), mode="eval"
        ).body  # of no part there are two, as `ast.unparse` needs it
        assert unparse.source(tree) == ast.unparse(tree)


@pytest.mark.parametrize("level", [0, 2])
def test_the_text_of_every_expression_of_a_module(level: int) -> None:
    text = rnnc.compile(EXAMPLES / "attention_additive.rnn", Options(level=level))
    trees = [tree for tree in ast.walk(ast.parse(text)) if isinstance(tree, ast.expr)]
    assert [unparse.source(tree) for tree in trees] == [ast.unparse(tree) for tree in trees]


def test_most_are_written_here(monkeypatch: pytest.MonkeyPatch) -> None:
    handed = list[str]()
    monkeypatch.setattr(
        unparse.ast, "unparse", lambda tree, own=ast.unparse: handed.append(own(tree)) or own(tree)
    )
    text = rnnc.compile(EXAMPLES / "lstm.rnn")
    assert len(handed) * 50 < len(text.splitlines())
