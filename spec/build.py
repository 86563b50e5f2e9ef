"""From Lark's parse tree to our nodes: one entry of `RULES` per rule of the grammar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lark import Token, Tree

from .records import replace
from .source import Source, Span
from .syntax import (
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
    Noise,
    Number,
    Output,
    Param,
    ParamItem,
    Ref,
    Stop,
    Subscript,
    Target,
    Text,
    Type,
    Unary,
    Use,
)

Build = Callable[..., Any]  # (span, *children) -> node; a child is None where something optional was left out


def build(tree: Tree[Token], source: Source) -> Any:
    """The node of a parse tree. Without recursion: a long sum is a deep tree."""
    order: list[Tree[Token] | Token] = []
    pending: list[Tree[Token] | Token] = [tree]
    while pending:
        order.append(branch := pending.pop())
        if isinstance(branch, Tree):
            pending.extend(branch.children)
    values: list[Any] = []
    for branch in reversed(order):
        if isinstance(branch, Tree):
            first = len(values) - len(branch.children)
            meta = branch.meta
            span = Span(source, 0, 0) if meta.empty else Span(source, meta.start_pos, meta.end_pos)
            values[first:] = [RULES[branch.data](span, *values[first:])]
        else:
            values.append(branch)
    return values[0]


def _listed(node: Callable[[Span, tuple[Any, ...]], Any]) -> Build:
    return lambda span, *items: node(span, items)


def _items(span: Span, *items: Any) -> tuple[Any, ...]:
    return tuple(item for item in items if item is not None)


def _param_item(span: Span, name: Name, type: Type, sign: str | None, init: Expr | None) -> ParamItem:
    return ParamItem(span, name, type, sign == "~", init)


def _equation(
    span: Span, target: Target, type: Type | None, reverse: str | None, value: Expr, sharing: Name | None
) -> Equation:
    return Equation(span, target, type, reverse is not None, value, sharing)


def _cell(span: Span, name: Name, inputs: Any, outputs: Any, *body: Any) -> Cell:
    return Cell(span, name, inputs, outputs, body[:-1])


def _for(span: Span, variable: Name, first: Expr, last: Expr, *body: Any) -> For:
    return For(span, variable, first, last, body[:-1])


def _type(span: Span, kind: str, *rest: Any) -> Type:
    count, sizes = rest if len(rest) == 2 else (None, *rest)
    return Type(span, str(kind), count, sizes or ())


def _name(span: Span, first: Token, *rest: Any) -> Name:
    """``h{`` expr ``}.c``: the braces belong to the tokens, not to the name's text."""
    parts = [str(first).removesuffix("{")]
    for part in rest:
        parts.append(str(part).strip("{}") if isinstance(part, Token) else part)
    return Name(span, tuple(part for part in parts if part != ""))


def _paren(span: Span, inner: Any) -> Any:
    """The expression inside, with the place of its parentheses."""
    return replace(inner, span=span)


def _indexed(span: Span, name: Name, args: tuple[Expr, ...]) -> tuple[Name, tuple[Expr, ...]]:
    return name, args


def _subscript_name(span: Span, indexed: tuple[Name, tuple[Expr, ...]]) -> Subscript:
    name, args = indexed
    return Subscript(span, Ref(name.span, name), args)


def _call_over(span: Span, indexed: tuple[Name, tuple[Expr, ...]], *args: Argument | None) -> Call:
    name, over = indexed
    return Call(span, name, over, _items(span, *args))


def _binary(span: Span, left: Expr, op: Token, right: Expr) -> Binary:
    assert op.start_pos is not None and op.end_pos is not None
    return Binary(span, str(op), left, right, Span(span.source, op.start_pos, op.end_pos))


RULES: dict[str, Build] = {
    "spec": _items,
    "dim": _listed(Dim),
    "dim_item": DimItem,
    "axis": Axis,
    "input": _listed(Input),
    "input_item": InputItem,
    "param": lambda span, *items: Param(span, True, items),
    "const": lambda span, *items: Param(span, False, items),
    "param_item": _param_item,
    "equation": _equation,
    "head": Head,
    "output": _listed(Output),
    "loss": Loss,
    "noise": Noise,
    "stop": Stop,
    "cell": _cell,
    "cell_items": _items,
    "cell_item": CellItem,
    "use": _listed(Use),
    "import": Import,
    "for": _for,
    "target": lambda span, name, index: Target(span, name, index or ()),
    "type": _type,
    "number": lambda span, token: Number(span, str(token)),
    "text": lambda span, token: Text(span, token[1:-1]),
    "paren": _paren,
    "ref": Ref,
    "indexed": _indexed,
    "subscript_name": _subscript_name,
    "subscript": Subscript,
    "call": lambda span, name, *args: Call(span, name, (), _items(span, *args)),
    "call_over": _call_over,
    "argument": lambda span, value: Argument(span, None, value),
    "keyword": Argument,
    "exprs": _items,
    "name": _name,
    "unary": lambda span, op, operand: Unary(span, str(op), operand),
    "binary": _binary,
}
