"""Random syntax trees, and trees without their places."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

from rnnc.spec.mistakes import STATEMENTS
from rnnc.spec.source import Source, Span
from rnnc.spec.syntax import (
    Argument,
    Axis,
    Binary,
    Call,
    Cell,
    CellItem,
    Dim,
    DimItem,
    Equation,
    Expr,
    For,
    Head,
    Import,
    Input,
    InputItem,
    Loss,
    Name,
    Node,
    Noise,
    Number,
    Output,
    Param,
    ParamItem,
    Ref,
    Spec,
    Statement,
    Stop,
    Subscript,
    Target,
    Text,
    Type,
    Unary,
    Use,
)

SOURCE = Source("tree.rnn", "")
AT = Span(SOURCE, 0, 0)
OPERATORS = "or and == != < <= > >= + - * / % @ **".split()

Item = TypeVar("Item")


def bare(value: Any) -> Any:
    """A tree as nested lists, without places."""
    if isinstance(value, Node):
        fields = (name for name in value.__dataclass_fields__ if name not in ("span", "op_span"))
        return [type(value).__name__, *(bare(getattr(value, name)) for name in fields)]
    return [bare(item) for item in value] if isinstance(value, tuple) else value


def random_spec(seed: int, size: int) -> Spec:
    """A spec of any statements of the language; ``size`` bounds each one's depth and number of items."""
    trees = _Trees(random.Random(seed), size)
    return Spec(SOURCE, tuple(trees.statement(2) for _ in range(size)), ())


class _Trees:
    def __init__(self, rng: random.Random, size: int) -> None:
        self.rng = rng
        self.size = size

    def many(self, item: Callable[[], Item], least: int = 1) -> tuple[Item, ...]:
        return tuple(item() for _ in range(self.rng.randint(least, max(least, min(self.size, 3)))))

    def perhaps(self, item: Callable[[], Item]) -> Item | None:
        return item() if self.rng.random() < 0.5 else None

    def name(self, depth: int = 0) -> Name:
        words = [
            "h",
            "W_ix",
            "t",
            "T",
            "h1.c",
            "input",
            "real",
            "weight",
            "sharing",
            "in",
            "when",
            "a1",
            "Zz",
        ]
        first = self.rng.choice(words)
        if depth < 1 or self.rng.random() < 0.8:
            return Name(AT, (first,))
        parts: list[str | Expr] = [first]
        for _ in range(self.rng.randint(1, 2)):
            parts += [self.expr(depth - 2, strings=False), self.rng.choice(["", "_x", ".c", "2"])]
        return Name(AT, tuple(part for part in parts if part != ""))

    # expressions

    def expr(self, depth: int, strings: bool = True) -> Expr:
        kinds: list[Callable[[int], Expr]] = [self.subscript, self.call, self.unary, self.binary, self.binary]
        if depth > 0 and self.rng.random() < 0.8:
            return self.rng.choice(kinds)(depth - 1)
        if strings and self.rng.random() < 0.1:
            return Text(AT, self.rng.choice(["ij,j->i", "", "a # b", "größe"]))
        if self.rng.random() < 0.5:
            return Number(AT, self.rng.choice(["0", "1", "12", "0.5", "1e-3", "2.5E+4"]))
        return Ref(AT, self.name(depth))

    def deep(self) -> Expr:
        return self.expr(self.rng.randint(0, self.size))

    def subscript(self, depth: int) -> Expr:
        return Subscript(
            AT, self.expr(depth, strings=False), self.many(lambda: self.expr(depth, strings=False))
        )

    def call(self, depth: int) -> Call:
        over = self.many(lambda: self.expr(depth, strings=False)) if self.rng.random() < 0.3 else ()
        return Call(AT, self.name(depth), over, self.many(lambda: self.argument(depth), least=0))

    def argument(self, depth: int) -> Argument:
        return Argument(AT, self.perhaps(lambda: self.name(depth)), self.expr(depth))

    def unary(self, depth: int) -> Expr:
        return Unary(AT, self.rng.choice(["-", "+", "not"]), self.expr(depth, strings=False))

    def binary(self, depth: int) -> Expr:
        right = self.expr(depth, strings=False)
        number = isinstance(right.operand if isinstance(right, Unary) else right, Number)
        op = self.rng.choice([op for op in OPERATORS if op != "@" or not number])
        return Binary(AT, op, self.expr(depth, strings=False), right, AT)

    # statements

    def type(self) -> Type:
        kind = self.rng.choice(["real", "int", "bool", "token"])
        count = self.deep() if kind == "token" else None
        return Type(AT, kind, count, self.many(self.deep, least=0))

    def target(self) -> Target:
        return Target(AT, self.name(1), self.many(self.deep, least=0))

    def param_item(self) -> ParamItem:
        init = self.perhaps(self.deep)
        return ParamItem(AT, self.name(1), self.type(), init is not None and self.rng.random() < 0.5, init)

    def cell_item(self) -> CellItem:
        """Inputs have a type or no index, or they would look like equations."""
        target, type = self.target(), self.perhaps(self.type)
        return CellItem(AT, target if type else Target(AT, target.name, ()), type, self.perhaps(self.deep))

    def equation(self) -> Equation:
        target = self.target()
        while target.name.text in STATEMENTS:
            target = self.target()
        reverse = self.rng.random() < 0.2
        return Equation(AT, target, self.perhaps(self.type), reverse, self.deep(), self.perhaps(self.name))

    def statement(self, depth: int) -> Statement:
        """``depth`` bounds how far blocks are nested."""
        simple: list[Callable[[], Statement]] = [
            lambda: Dim(AT, self.many(lambda: DimItem(AT, self.name(1), self.deep()))),
            lambda: Axis(AT, self.name(), self.deep(), self.deep()),
            lambda: Input(AT, self.many(lambda: InputItem(AT, self.target(), self.type()))),
            lambda: Param(AT, self.rng.random() < 0.5, self.many(self.param_item)),
            self.equation,
            self.equation,
            lambda: Head(AT, self.target(), self.type(), self.call(self.size), self.perhaps(self.deep)),
            lambda: Output(AT, self.many(self.name)),
            lambda: Loss(AT, self.target(), self.deep(), self.perhaps(self.deep)),
            lambda: Noise(AT, self.target(), self.type(), self.call(1)),
            lambda: Stop(AT, self.deep()),
            lambda: Use(AT, self.many(self.name)),
            lambda: Import(AT, Text(AT, "cells.rnn")),
        ]
        blocks: list[Callable[[], Statement]] = [lambda: self.cell(depth - 1), lambda: self.loop(depth - 1)]
        return self.rng.choice(simple + blocks * 2 if depth else simple)()

    def cell(self, depth: int) -> Cell:
        inputs, outputs = self.many(self.cell_item, least=0), self.many(self.cell_item)
        return Cell(AT, self.name(), inputs, outputs, self.many(lambda: self.statement(depth), least=0))

    def loop(self, depth: int) -> For:
        first, last = self.deep(), self.deep()
        return For(AT, self.name(), first, last, self.many(lambda: self.statement(depth), least=0))
