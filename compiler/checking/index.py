"""Indices: `t`, `t-k`, `t+k`, and the ends `0`, `1`, `T`, `T+1`."""

from __future__ import annotations

from ...spec import syntax
from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.source import Span
from ...spec.tree import walk
from ..ir import Position
from .numbers import lookup, name_text, size, unknown_name, value
from .scope import AxisIndex, AxisLength, Context, Dim, Scope, Thing

LONGEST_DELAY = 1024


@dataclass(frozen=True, slots=True)
class Linear:
    """``steps * t + ends * T + rest``."""

    steps: int
    ends: int
    rest: Size


def position(context: Context, scope: Scope, expr: syntax.Expr, axis: str) -> Position | None:
    """Where along ``axis`` an index points; None, reported, when it is none."""
    found = _linear(context, scope, expr, axis)
    if found is None:
        return None
    offset = value(context, scope, expr, found.rest, f"the index `{expr.span.text}`")
    if offset is None:
        return None
    if found.steps == 1 and found.ends == 0:
        return _delayed(context, scope, expr, axis, offset)
    if found.steps == 0 and found.ends in (0, 1) and offset in (0, 1):
        return end(axis, 1 - found.ends, 1 - offset) if scope.reverse else end(axis, found.ends, offset)
    _not_an_index(context, scope, expr, axis, _beside(axis, context.model.axes[axis].length, found, offset))
    return None


def _not_an_index(context: Context, scope: Scope, expr: syntax.Expr, axis: str, help: str = "") -> None:
    context.report(
        "RNN401",
        expr.span,
        f"`{expr.span.text}` is not an index along `{axis}`",
        via=scope.via,
        help=help or _indices(context, axis),
    )


def _indices(context: Context, axis: str, unknown: str = "") -> str:
    length = context.model.axes[axis].length
    declared = f"; a number k may have a name, by `dim {unknown} = …`" if unknown else ""
    return (
        f"write `{axis}`, `{axis}-k` or `{axis}+k`, or an end: `1`, `{length}`, `0`, `{length}+1`{declared}"
    )


def _beside(axis: str, length: str, found: Linear, offset: int) -> str:
    """What to do where an index counts from an end as the language does not."""
    if found.steps == 0 and found.ends == 0 and offset < 0:
        return f"the last step is `{length}`, and what stands before the first step is `0`: nothing counts from the end"
    if found.steps == 0 and found.ends == 1:
        return f"give it a name one step further: `u[{axis}] = x[{axis}{offset:+d}]`, then read `u[{length}]`"
    return ""


def end(axis: str, ends: int, offset: int) -> Position:
    return Position(None, ends, axis if ends else "", offset)


def _delayed(context: Context, scope: Scope, expr: syntax.Expr, axis: str, offset: int) -> Position | None:
    if abs(offset) <= LONGEST_DELAY:
        return Position(axis, offset=-offset if scope.reverse else offset)
    context.report(
        "RNN407", expr.span, f"a delay of {abs(offset)} steps; the longest is {LONGEST_DELAY}", via=scope.via
    )
    return None


def _linear(context: Context, scope: Scope, expr: syntax.Expr, axis: str) -> Linear | None:
    match expr:
        case syntax.Ref(span, name):
            text = name_text(context, scope, name)
            found = lookup(context, scope, text) if text is not None else None
            if text is not None and found is None:
                unknown_name(context, scope, name, text, only=Dim, help=_indices(context, axis, text))
                return None
            if isinstance(found, AxisIndex | AxisLength):
                if found.axis != axis:
                    _other_axis(context, scope, span, axis, found)
                    return None
                return Linear(*((1, 0) if isinstance(found, AxisIndex) else (0, 1)), Size.of(0))
        case syntax.Binary(_, "+" | "-" as sign, left, right):
            a, b = _linear(context, scope, left, axis), _linear(context, scope, right, axis)
            if a is None or b is None:
                return None
            factor = 1 if sign == "+" else -1
            rest = a.rest + b.rest if sign == "+" else a.rest - b.rest
            return Linear(a.steps + factor * b.steps, a.ends + factor * b.ends, rest)
    if _runs(context, scope, expr) or (isinstance(expr, syntax.Number) and not expr.text.isdigit()):
        _not_an_index(context, scope, expr, axis)
        return None
    constant = size(context, scope, expr)
    return None if constant is None else Linear(0, 0, constant)


def is_step(context: Context, scope: Scope, expr: syntax.Expr) -> bool:
    """Whether an expression is an index along some axis: `t`, `t-k`, `T`, sums of such."""
    match expr:
        case syntax.Ref(_, name):
            text = name_text(context, scope, name)
            return isinstance(lookup(context, scope, text) if text else None, AxisIndex | AxisLength)
        case syntax.Binary(_, "+" | "-", left, right):
            return is_step(context, scope, left) or is_step(context, scope, right)
    return False


def _runs(context: Context, scope: Scope, expr: syntax.Expr) -> bool:
    """Whether an expression depends on the index or the length of an axis, or on a quantity."""
    names = [node for node, _ in walk([expr]) if isinstance(node, syntax.Name)]
    texts = (name_text(context, scope, name) for name in names)
    return any(
        isinstance(lookup(context, scope, t), AxisIndex | AxisLength | Thing) for t in texts if t is not None
    )


def _other_axis(context: Context, scope: Scope, span: Span, axis: str, found: AxisIndex | AxisLength) -> None:
    length = context.model.axes[axis].length
    own = f"of its own past an equation reads single steps: `{axis}-1`, `{axis}-2`, …"
    last = f"the last step along `{axis}` is `[{length}]`"
    context.report(
        "RNN401",
        span,
        f"this index runs along `{axis}`, and `{span.text}` belongs to the axis `{found.axis}`",
        via=scope.via,
        help=f"`{axis}` and `{found.axis}` are different directions, each with its own lengths; "
        + (last if isinstance(found, AxisLength) else own),
    )
