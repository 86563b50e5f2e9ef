"""Operators that work on feature sizes, most of them on the last one; what they leave alone they repeat."""

from __future__ import annotations

from ...spec.sizes import Size
from .elementwise import portion
from .record import (
    Call,
    Code,
    Shape,
    ShapeError,
    agreeing,
    always,
    arithmetic,
    at_least,
    define,
    first,
    has_last,
    last_removed,
    listed,
    real,
    show,
)
from .terms import Cotangent, Term, apply, dim, expand, like

# ------------------------------------------------------------------------------ over the last size

define(
    "sum",
    "a",
    "the sum over the last size",
    shape=last_removed,
    type=arithmetic,
    traits="linear zero",
    code="np.sum({0}, axis=-1)",
    out="np.sum({0}, -1, None, {1})",
    derivative=(lambda c: like(c.d, c.a),),
    surface="sum",
)


def _mean(c: Cotangent) -> Term:
    count = expand(dim(c.builder, c.a.shape[-1]), c.d.shape)
    return like(c.d / count, c.a)


define(
    "mean",
    "a",
    "the mean over the last size",
    shape=last_removed,
    type=real,
    traits="linear zero",
    code="np.mean({0}, axis=-1)",
    out="np.mean({0}, -1, None, {1})",
    derivative=(_mean,),
    surface="mean",
)
for _name, _word in (("max", "largest"), ("min", "smallest")):
    define(
        _name,
        "a",
        f"the {_word} over the last size; of equals the first takes the derivative",
        shape=last_removed,
        type=arithmetic,
        traits="zero",
        code=f"np.{_name}({{0}}, axis=-1)",
        out=f"np.{_name}({{0}}, -1, {{1}})",
        derivative=(
            lambda c, name=_name: apply("spread_pick", c.d, apply(f"arg{name}", c.a), size=c.a.shape[-1]),  # type: ignore[misc]
        ),
        tangent=lambda c, name=_name: apply("pick", c.da, apply(f"arg{name}", c.a)),  # type: ignore[misc]
        surface=_name,
    )
    define(
        f"arg{_name}",
        "a",
        f"the place of the first {_word} along the last size",
        shape=last_removed,
        type=always("int"),
        traits="flat",
        code=f"np.arg{_name}({{0}}.real, axis=-1)",
    )


def _softmax(c: Cotangent) -> Term:
    return c.q * (c.d - like(apply("sum", c.d * c.q), c.q))


define(
    "softmax",
    "a",
    "exp(a) scaled to sum to 1 over the last size, stable",
    shape=has_last,
    type=real,
    traits="transcendental",
    code="softmax({0})",
    out="softmax({0}, {1})",
    derivative=(_softmax,),
    tangent=lambda c: c.q * c.da - c.q * like(apply("sum", c.q * c.da), c.q),
    surface="softmax",
)
define(
    "logsumexp",
    "a",
    "log(sum(exp(a))) over the last size, stable",
    shape=last_removed,
    type=real,
    traits="transcendental",
    code="logsumexp({0})",
    derivative=(lambda c: like(c.d, c.a) * portion(c.a, like(c.q, c.a)),),
    tangent=lambda c: apply("sum", portion(c.a, like(c.q, c.a)) * c.da),
    surface="logsumexp",
)
define(
    "cumsum",
    "a",
    "running sums along the last size",
    shape=has_last,
    type=arithmetic,
    traits="linear zero",
    code="np.cumsum({0}, axis=-1)",
    out="np.cumsum({0}, -1, None, {1})",
    derivative=(lambda c: apply("reverse_cumsum", c.d),),
    surface="cumsum",
)
define(
    "reverse_cumsum",
    "a",
    "running sums from the end (adjoint of cumsum)",
    shape=has_last,
    type=arithmetic,
    traits="linear zero",
    code="np.cumsum({0}[..., ::-1], axis=-1)[..., ::-1]",
    derivative=(lambda c: apply("cumsum", c.d),),
)

# -------------------------------------------------------------------------------------------- shape


def _expanded(call: Call) -> Shape:
    return call.shapes[0] + call.sizes("sizes")


def _expand_code(call: Call) -> Code:
    sizes = call.sizes("sizes")
    slots = "".join(f"{{{1 + number}}}, " for number in range(len(sizes)))
    return Code(f"expand({{0}}, ({slots}))", sizes)


define(
    "centered",
    "a",
    "matrices whose columns have the mean 0: less the mean of each",
    shape=lambda call: at_least(call, 0, 2),
    type=real,
    traits="linear zero",
    code="centered({0})",
    derivative=(lambda c: apply("centered", c.d),),  # a projection along one direction: its own transpose
)


def _expand_derivative(c: Cotangent) -> Term:
    result = c.d
    for _ in range(len(c.d.shape) - len(c.a.shape)):
        result = apply("sum", result)
    return result


define(
    "expand",
    "a",
    "appends sizes by repetition",
    shape=_expanded,
    type=first,
    statics={"sizes": "sizes"},
    traits="linear zero view",
    code=_expand_code,
    derivative=(_expand_derivative,),
    surface="expand",
)


def _concat_shape(call: Call) -> Shape:
    total = Size.of(0)
    for number in range(len(call.shapes)):
        shape = at_least(call, number, 1)
        if shape[:-1] != call.shapes[0][:-1]:
            message = f"all sizes but the last must be equal: {show(call.shapes[0])} and {show(shape)}"
            raise ShapeError(message, 0, number)
        total = total + shape[-1]
    return (*call.shapes[0][:-1], total)


def _concat_code(call: Call) -> str:
    if len(set(call.axes)) <= 1:
        return f"np.concatenate([{listed(call)}], axis=-1)"
    return f"concat({listed(call)})"


def _concat_out(call: Call) -> str:
    if len(set(call.axes)) <= 1:
        return f"np.concatenate([{listed(call)}], -1, {{{len(call.shapes)}}})"
    return ""


def _concat_derivative(c: Cotangent, operand: int) -> Term:
    start = Size.of(0)
    for term in c.args[:operand]:
        start = start + term.shape[-1]
    return apply("slice", c.d, start=start, size=c.args[operand].shape[-1])


define(
    "concat",
    "parts*",
    "one after the other along the last size",
    shape=_concat_shape,
    type=agreeing,
    traits="linear zero",
    code=_concat_code,
    out=_concat_out,
    derivative=_concat_derivative,
    surface="concat",
)


def _slice_shape(call: Call) -> Shape:
    shape, start, size = at_least(call, 0, 1), call.size("start"), call.size("size")
    rest = (shape[-1] - start - size).literal
    if (start.literal or 0) < 0 or (rest is not None and rest < 0):
        raise ShapeError(f"components {start} up to {start + size} are not inside {show(shape)}", 0)
    return (*shape[:-1], size)


def _slice_code(call: Call) -> Code:
    start, size = call.size("start"), call.size("size")
    if start.literal == 0:
        return Code("{0}[..., :{1}]", (size,))
    return Code("{0}[..., {1}:{2}]", (start, start + size))


define(
    "slice",
    "a",
    "`size` components of the last size from `start` on (0-based)",
    shape=_slice_shape,
    type=first,
    statics={"start": "size", "size": "size"},
    traits="linear zero view",
    code=_slice_code,
    derivative=(lambda c: apply("pad_slice", c.d, start=c.size("start"), total=c.a.shape[-1]),),
    surface="slice",
)
define(
    "pad_slice",
    "a",
    "`total` components, 0 but for a's from `start` on (adjoint of slice)",
    shape=lambda call: (*at_least(call, 0, 1)[:-1], call.size("total")),
    type=first,
    statics={"start": "size", "total": "size"},
    traits="linear zero",
    code=lambda call: Code("pad_slice({0}, {1}, {2})", (call.size("start"), call.size("total"))),
    derivative=(lambda c: apply("slice", c.d, start=c.size("start"), size=c.a.shape[-1]),),
)


def _transposed(call: Call) -> Shape:
    shape = at_least(call, 0, 2)
    return (*shape[:-2], shape[-1], shape[-2])


define(
    "transpose",
    "a",
    "the last two sizes swapped",
    shape=_transposed,
    type=first,
    traits="linear zero view",
    code=lambda call: (
        "{0}.T" if call.axes == ((),) and len(call.shapes[0]) == 2 else "np.swapaxes({0}, -1, -2)"
    ),
    derivative=(lambda c: apply("transpose", c.d),),
    surface="transpose",
)
define(
    "roll",
    "a",
    "turned along the last size: component i is a's component i - shift",
    shape=has_last,
    type=first,
    statics={"shift": "size"},
    traits="linear zero",
    code=lambda call: Code("np.roll({0}, {1}, axis=-1)", (call.size("shift"),)),
    derivative=(lambda c: apply("roll", c.d, shift=-c.size("shift")),),
    surface="roll",
)
