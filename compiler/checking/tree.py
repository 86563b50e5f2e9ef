"""Expressions with every name bound: what `expand` makes of the syntax tree's.

Loops are unrolled, cells copied in, reversal done; a read names a quantity of the whole program and
one position for each of its axes."""

from __future__ import annotations

from collections.abc import Iterator

from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.source import Span
from ..ir import Position
from ..program import Init


@dataclass(frozen=True, slots=True)
class Node:
    span: Span


@dataclass(frozen=True, slots=True)
class Bad(Node):
    """Something wrong that has been reported."""


@dataclass(frozen=True, slots=True)
class Number(Node):
    value: float
    whole: bool


@dataclass(frozen=True, slots=True)
class DimNumber(Node):
    size: Size


@dataclass(frozen=True, slots=True)
class IndexNumber(Node):
    """The number t."""

    axis: str


@dataclass(frozen=True, slots=True)
class LengthNumber(Node):
    """The number T."""

    axis: str


@dataclass(frozen=True, slots=True)
class Text(Node):
    value: str


@dataclass(frozen=True, slots=True)
class Read(Node):
    """A quantity or parameter; ``local`` is its name where it was read (``h`` for ``h1`` inside the cell)."""

    name: str
    at: tuple[Position, ...]
    local: str


@dataclass(frozen=True, slots=True)
class Row(Node):
    """``table[key]``."""

    table: Expr
    key: Expr


@dataclass(frozen=True, slots=True)
class Apply(Node):
    """An operator or function of the language; ``over`` names the axes of a reduction, ``place`` is
    where the function's name or the operator's sign stands."""

    function: str
    args: tuple[Expr, ...]
    place: Span
    over: tuple[str, ...] = ()
    static: tuple[
        Size, ...
    ] = ()  # sizes among the arguments: expand(a, d), slice(a, start, size), roll(a, k)


@dataclass(frozen=True, slots=True)
class Affine(Node):
    """``affine(a, b, …)``: weight i multiplies argument i; ``bias`` is None for ``bias = none``."""

    args: tuple[Expr, ...]
    weights: tuple[str, ...]
    bias: str | None
    bias_init: Init | None


@dataclass(frozen=True, slots=True)
class Dropout(Node):
    """``value * mask / keep``; the mask is a noise of the value's shape."""

    value: Expr
    mask: Read
    keep: Expr


Expr = Dropout | Bad | Number | DimNumber | IndexNumber | LengthNumber | Text | Read | Row | Apply | Affine


def children(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Row(_, table, key):
            return (table, key)
        case Apply() | Affine():
            return expr.args
        case Dropout(_, value, mask, keep):
            return (value, mask, keep)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything inside it."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def reads(expr: Expr) -> Iterator[Read]:
    return (node for node in walk(expr) if isinstance(node, Read))
