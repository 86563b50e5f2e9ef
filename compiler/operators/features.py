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
    code="softmax({0})",
    out="softmax({0}, {1})",
    derivative=(_softmax,),
    surface="softmax",
)
define(
    "logsumexp",
    "a",
    "log(sum(exp(a))) over the last size, stable",
    shape=last_removed,
    type=real,
    code="logsumexp({0})",
    derivative=(lambda c: like(c.d, c.a) * portion(c.a, like(c.q, c.a)),),
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
    stretch=lambda call: "{0}[..., " + ", ".join("None" for _ in call.sizes("sizes")) + "]",
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


def _listed(call: Call) -> str:
    return ", ".join(f"{{{number}}}" for number in range(len(call.shapes)))


def _concat_code(call: Call) -> str:
    if len(set(call.axes)) <= 1:
        return f"np.concatenate([{_listed(call)}], axis=-1)"
    return f"concat({_listed(call)})"


def _concat_out(call: Call) -> str:
    if len(set(call.axes)) <= 1:
        return f"np.concatenate([{_listed(call)}], -1, {{{len(call.shapes)}}})"
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
    code=lambda call: "{0}.T" if call.axes == ((),) and len(call.shapes[0]) == 2 else "np.swapaxes({0}, -1, -2)",
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

# --------------------------------------------------------------------------------- by index


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
    code=lambda call: Code("np.asarray({0}[..., None] == np.arange({1}), dtype)", (call.size("size"),)),
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

# ------------------------------------------------------------------------------------------ products


def letters(spec: str) -> tuple[list[str], str]:
    """The letters of each operand and of the result: "ij,j->i" is ["ij", "j"], "i"."""
    operands, _, result = spec.partition("->")
    return operands.split(","), result


def _einsum_shape(call: Call) -> Shape:
    operands, result = letters(call.text("spec"))
    if len(operands) != len(call.shapes):
        raise ShapeError(f"the pattern has {len(operands)} operands, found {len(call.shapes)}")
    sizes: dict[str, tuple[Size, int]] = {}
    for number, (names, shape) in enumerate(zip(operands, call.shapes)):
        if len(names) != len(shape) or len(set(names)) != len(names):
            raise ShapeError(f"the pattern {names!r} does not fit {show(shape)}", number)
        for letter, size in zip(names, shape):
            known, where = sizes.setdefault(letter, (size, number))
            if known != size:
                raise ShapeError(f"{letter!r} is {known} and {size}", where, number)
    unknown = [letter for letter in result if letter not in sizes]
    if unknown or len(set(result)) != len(result):
        raise ShapeError(f"the result pattern {result!r} needs letters of the operands, each once")
    return tuple(sizes[letter][0] for letter in result)


def _einsum_call(call: Call) -> str:
    operands, result = letters(call.text("spec"))
    pattern = ",".join("..." + names for names in operands) + "->..." + result
    return f"np.einsum({pattern!r}, {_listed(call)}"


def _einsum_derivative(c: Cotangent, operand: int) -> Term:
    """The same product with d in the operand's place; letters that only the operand has are repeated."""
    operands, result = letters(c.text("spec"))
    target = operands.pop(operand)
    others = [term for number, term in enumerate(c.args) if number != operand]
    known = "".join((result, *operands))
    alone = "".join(letter for letter in target if letter not in known)
    kept = "".join(letter for letter in target if letter in known)
    product = apply("einsum", c.d, *others, spec=",".join((result, *operands)) + "->" + kept)
    if not alone:
        return product
    sizes = dict(zip(target, c.args[operand].shape))
    wide = expand(product, tuple(sizes[letter] for letter in alone))
    return wide if kept + alone == target else apply("einsum", wide, spec=f"{kept}{alone}->{target}")


define(
    "einsum",
    "factors*",
    "the product summed over the letters (and axes) that the result lacks",
    shape=_einsum_shape,
    type=real,
    statics={"spec": "str"},
    traits="bilinear zero reduces sums",
    code=lambda call: _einsum_call(call) + ")",
    out=lambda call: _einsum_call(call) + f", out={{{len(call.shapes)}}})",
    derivative=_einsum_derivative,
    surface="einsum",
)


def _outer_code(call: Call) -> str:
    left, right = (len(shape) for shape in call.shapes)
    rows = "{0}[..., " + "None, " * right + "]" if right else "{0}"
    columns = "{1}[..., " + "None, " * left + ":, " * right + "]" if left else "{1}"
    return f"{rows} * {columns}"


def _outer_derivative(c: Cotangent, operand: int) -> Term:
    names = "abcdefghijklmnopqrstuvwxyz"
    left, right = names[: len(c.a.shape)], names[len(c.a.shape) : len(c.q.shape)]
    other, wanted = ((c.b, right), left) if operand == 0 else ((c.a, left), right)
    return apply("einsum", c.d, other[0], spec=f"{left}{right},{other[1]}->{wanted}")


define(
    "outer",
    "a b",
    "every component of a times every component of b",
    shape=lambda call: call.shapes[0] + call.shapes[1],
    type=real,
    traits="bilinear zero",
    code=_outer_code,
    derivative=(lambda c: _outer_derivative(c, 0), lambda c: _outer_derivative(c, 1)),
    surface="outer",
)
