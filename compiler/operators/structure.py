"""Operators that the printer and the evaluator know by name: leaves, reads across time, sums over axes."""

from __future__ import annotations

from collections.abc import Collection

from ..ir import BATCH, Position
from .elementwise import portion
from .record import TypeRule, agreeing, always, define, first, real, same, scalar, unchanged
from .terms import Cotangent, Seen, Tangent, Term, apply, expand, where


def leaf(name: str, doc: str, statics: dict[str, str], type: TypeRule | None = None) -> None:
    """A leaf states its own shape and type; neither follows from operands."""
    define(name, "", doc, shape=scalar, type=type or always("real"), statics=statics, traits="leaf structure")


leaf("param", "a parameter", {"name": "str"})
leaf("input", "what the batch gives; a head's target too", {"name": "str"})
leaf("noise", "what was drawn for this call", {"name": "str"})
leaf("number", "a literal", {"value": "number"})
leaf("dim", "a size as a number", {"size": "size"})
leaf("index", "the number t; with carried state the count goes on", {"axis": "axis"})
leaf("elapsed", "how many steps the sequence had before the first of these", {"axis": "axis"})
leaf("position", "the place along the axis, 1 up to the length, whatever the state", {"axis": "axis"})
leaf("length", "the number T of the sequence", {"axis": "axis"})
leaf("extent", "how many steps of the sequence are here, whatever the state", {"axis": "axis"})
leaf("last", "whether this call ends the sequence", {}, always("bool"))
leaf("count", "how many valid elements the batch has over the axes", {"axes": "axes"})
leaf("cotangent", "the caller's cotangent of an output, 0 when not given", {"key": "str"})
leaf("direction", "the caller's tangent of a parameter, input or state, 0 when not given", {"key": "str"})
leaf(
    "basis",
    "a parameter moved by 1 in one place after the other, along the axis of all places",
    {"key": "str"},
)

define(
    "copy",
    "a",
    "the value read",
    shape=unchanged,
    type=first,
    traits="elementwise linear zero identity",
    code="{0}",
    derivative=(lambda c: c.d,),
)
define(
    "carry",
    "start",
    "the caller's state when one was given, else start",
    shape=unchanged,
    type=first,
    statics={"key": "str"},
    traits="moves structure",
    derivative=(lambda c: apply("fresh", c.d, key=c.text("key")),),
    tangent=lambda c: apply("fresh", c.da, key=c.text("key")),  # a given state has a direction of its own
)
define(
    "fresh",
    "a",
    "a when no state was given, else 0 (adjoint of carry)",
    shape=unchanged,
    type=first,
    statics={"key": "str"},
    traits="moves linear zero structure",
    derivative=(lambda c: apply("fresh", c.d, key=c.text("key")),),
)

# ----------------------------------------------------------------------------------------- over axes


def reduced(c: Seen) -> tuple[str, ...]:
    """The axes that the operand runs along and the result lacks."""
    return tuple(axis for axis in c.a.axes if axis not in c.q.axes)


def _mean_over(c: Cotangent) -> Term:
    """Divided by the number of valid elements, which is at least 1 where there is anything to give to."""
    over = reduced(c)
    if BATCH in over:
        return c.d / expand(c.builder.leaf("count", (), axes=over), c.d.shape)
    count = c.builder.number(1.0)
    for axis in over:
        count = count * c.builder.leaf("extent", (BATCH,), axis=axis)
    return c.d / expand(apply("maximum", count, c.builder.number(1.0)), c.d.shape)


def _summed(term: Term, away: Collection[str]) -> Term:
    """The sum over some axes."""
    return term.builder.apply("sum_over", term, over=[axis for axis in term.axes if axis not in away])


def _max_tangent(c: Tangent) -> Term:
    """That of the first of the largest, axis by axis."""
    tangent, inner = c.da, c.a
    for axis in reversed(reduced(c)):
        chosen = where(apply("first_max_over", inner, axis=axis), tangent, 0)
        tangent = c.builder.apply("sum_over", chosen, over=_without(chosen, axis))
        inner = c.builder.apply("max_over", inner, over=_without(inner, axis))
    return tangent


def _max_over(c: Cotangent) -> Term:
    """To the first of the largest: axis by axis, the first among the maxima over the axes after it."""
    result, inner, over = c.d, c.a, reduced(c)
    for axis in reversed(over):
        result = where(apply("first_max_over", inner, axis=axis), result, 0)
        inner = c.builder.apply("max_over", inner, over=[a for a in inner.axes if a != axis])
    return result


define(
    "sum_over",
    "a",
    "the sum over the axes that the result lacks",
    shape=unchanged,
    type=first,
    traits="linear zero structure reduces sums",
    code="{0}",
    derivative=(lambda c: c.d,),
    surface="sum",
)
define(
    "mean_over",
    "a",
    "the mean over the axes that the result lacks; of nothing, 0",
    shape=unchanged,
    type=real,
    traits="linear zero structure reduces",
    derivative=(_mean_over,),
    surface="mean",
)
define(
    "max_over",
    "a",
    "the largest over the axes that the result lacks; of nothing, -inf (ties: as max)",
    shape=unchanged,
    type=real,
    traits="structure reduces",
    derivative=(_max_over,),
    tangent=_max_tangent,
    surface="max",
)
define(
    "first_max_over",
    "a",
    "true at the first of the largest along an axis, which stays",
    shape=unchanged,
    type=always("bool"),
    statics={"axis": "axis"},
    traits="structure flat",
)
define(
    "logsumexp_over",
    "a",
    "log(sum(exp(a))) over the axes that the result lacks; of nothing, -inf",
    shape=unchanged,
    type=real,
    traits="transcendental structure reduces",
    derivative=(lambda c: c.d * portion(c.a, c.q),),
    tangent=lambda c: _summed(portion(c.a, c.q) * c.da, reduced(c)),
    surface="logsumexp",
)


def _softmax_over(c: Cotangent) -> Term:
    axes = [axis for axis in c.q.axes if axis != c.text("axis")]
    return c.q * (c.d - c.builder.apply("sum_over", c.d * c.q, over=axes))


def _softmax_tangent(c: Tangent) -> Term:
    part = c.q * c.da
    return part - c.q * _summed(part, (c.text("axis"),))


define(
    "softmax_over",
    "a",
    "exp(a) scaled to sum to 1 along an axis, which stays",
    shape=unchanged,
    type=real,
    statics={"axis": "axis"},
    traits="transcendental structure",
    derivative=(_softmax_over,),
    tangent=_softmax_tangent,
    surface="softmax",
)


def _place(c: Cotangent) -> Term:
    """d where a was placed; 0 when that is outside."""
    return _fixed(c, Position(None, c.number("ends"), c.text("of"), c.number("offset")))


def _fixed(c: Cotangent, place: Position) -> Term:
    """d at one place along the operator's axis."""
    axis = c.text("axis")
    at = tuple(place if position.over == axis else position for position in c.d.read.at)
    return Term(c.builder, type(c.d.read)(c.d.read.name, at), _without(c.d, axis), c.d.shape, c.d.type)


def _without(term: Term, axis: str) -> tuple[str, ...]:
    return tuple(name for name in term.axes if name != axis)


define(
    "place",
    "a",
    "a where the place along an axis is ends * length(of) + offset, else 0; adds the axis",
    shape=unchanged,
    type=first,
    statics={"axis": "axis", "ends": "int", "of": "str", "offset": "int"},
    traits="moves linear zero structure",
    derivative=(_place,),
)
define(
    "stack",
    "steps*",
    "one after the other along an axis of fixed length; adds the axis",
    shape=same,
    type=agreeing,
    statics={"axis": "axis"},
    traits="moves linear zero structure",
    derivative=lambda c, operand: _fixed(c, Position(None, offset=operand + 1)),
)

# ------------------------------------------------------------------------------ one step at a time

define(
    "draw",
    "args*",
    "a sample from a head's distribution, given its arguments",
    shape=scalar,
    type=always("int"),
    statics={"name": "str", "key": "str"},
    traits="structure flat",
)
define(
    "shift_in",
    "past now",
    "the past without its oldest step, and now behind it",
    shape=unchanged,
    type=first,
    traits="moves linear zero structure",
)
