"""Operators that take components or rows by index, and their adjoints."""

from __future__ import annotations

from .record import Call, Code, Shape, ShapeError, at_least, define, real, show
from .terms import Cotangent, Term, apply


def _integers(call: Call, operand: int) -> None:
    if call.types[operand] != "int":
        raise ShapeError(f"needs a token or an int, found {call.types[operand]}", operand)


def _onehot_type(call: Call) -> str:
    _integers(call, 0)
    return "real"


define(
    "onehot",
    "k",
    "1 at component k, else 0",
    shape=lambda call: (*call.shapes[0], call.size("size")),
    type=_onehot_type,
    statics={"size": "size"},
    traits="flat",
    code=lambda call: Code("onehot({0}, {1}, dtype)", (call.size("size"),)),
    surface="onehot",
)


def _indexed_type(call: Call) -> str:
    _integers(call, 1)
    return call.types[0]


def _take_code(call: Call) -> str:
    table, index = call.axes or ((), ())
    rank = len(call.shapes[0])
    if not table:
        return "{0}[{1}]"
    return f"take_rows({{0}}, {{1}}, {rank})" if index else f"np.take({{0}}, {{1}}, axis=-{rank})"


define(
    "take",
    "table k",
    "row k of a table",
    shape=lambda call: call.shapes[1] + at_least(call, 0, 1)[1:],
    type=_indexed_type,
    traits="linear zero",
    code=_take_code,
    derivative=(lambda c: _scatter(c), None),
)


def _scatter(c: Cotangent) -> Term:
    return apply("scatter_rows", c.d, c.b, size=c.a.shape[0])


def _scatter_shape(call: Call) -> Shape:
    rows, index = call.shapes
    if rows[: len(index)] != index:
        raise ShapeError(f"{show(rows)} does not begin with {show(index)}", 0, 1)
    return (call.size("size"), *rows[len(index) :])


def _scatter_type(call: Call) -> str:
    _integers(call, 1)
    return real(Call(call.shapes[:1], call.types[:1]))


define(
    "scatter_rows",
    "rows k",
    "a table whose row i is the sum of the rows with k = i (adjoint of take)",
    shape=_scatter_shape,
    type=_scatter_type,
    statics={"size": "size"},
    traits="linear zero reduces sums",
    code=lambda call: Code("scatter_rows({0}, {1}, {2})", (call.size("size"),)),
    derivative=(lambda c: apply("take", c.d, c.b), None),
)


def _pick_shape(call: Call) -> Shape:
    shape, index = at_least(call, 0, 1), call.shapes[1]
    if shape[:-1] != index:
        raise ShapeError(f"the index of {show(shape)} must be {show(shape[:-1])}, found {show(index)}", 0, 1)
    return index


define(
    "pick",
    "a i",
    "component i of the last size (0-based)",
    shape=_pick_shape,
    type=_indexed_type,
    traits="linear zero",
    code="pick({0}, {1})",
    derivative=(lambda c: apply("spread_pick", c.d, c.b, size=c.a.shape[-1]), None),
    surface="pick",
)


def _spread_shape(call: Call) -> Shape:
    if call.shapes[0] != call.shapes[1]:
        raise ShapeError(f"{show(call.shapes[0])} does not go with {show(call.shapes[1])}", 0, 1)
    return (*call.shapes[0], call.size("size"))


define(
    "spread_pick",
    "a i",
    "a at component i, else 0 (adjoint of pick)",
    shape=_spread_shape,
    type=_indexed_type,
    statics={"size": "size"},
    traits="linear zero",
    code=lambda call: Code("spread_pick({0}, {1}, {2})", (call.size("size"),)),
    derivative=(lambda c: apply("pick", c.d, c.b), None),
)
