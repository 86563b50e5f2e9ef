"""Operators that work along axes, as NumPy expressions: leaves, sums over time, products, steps."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..ir import BATCH, EACH, Equation
from ..stepping import NOW, PAST
from .computing import (
    STRUCTURAL,
    Compute,
    align,
    factors_of,
    filled,
    full_features,
    generic,
    operand,
    pooled,
    union,
    validity,
)
from .contraction import contract
from .frame import Frame, Value, multiplied, reshape
from .python import expression
from .reading import counter, plus, subscript


def _number(frame: Frame, equation: Equation) -> Value:
    value = equation.attr("value")
    assert isinstance(value, (int, float))
    text = str(int(value)) if float(value).is_integer() and equation.type == "int" else repr(value)
    text = text.replace("inf", "np.inf").replace("nan", "np.nan")
    return Value(expression(text), (), constant=True)


def _dim(frame: Frame, equation: Equation) -> Value:
    return Value(frame.size(equation.attr("size")), (), constant=True)


def _index(frame: Frame, equation: Equation) -> Value:
    axis = str(equation.attr("axis"))
    if axis in frame.steps:
        return Value(plus_count(frame, axis, expression(frame.step(axis))), (BATCH,))
    return Value(plus_count(frame, axis, counter(frame, axis)), (axis, BATCH))


def plus_count(frame: Frame, axis: str, step: ast.expr) -> ast.expr:
    """Steps counted on from the state where the axis is streamed."""
    if axis == frame.stream:
        return expression("{0} + {1}", frame.past, step)
    return expression("{0} + np.zeros(B, int)", step)


def _elapsed(frame: Frame, equation: Equation) -> Value:
    return Value(expression(frame.past), (BATCH,))


def _length(frame: Frame, equation: Equation) -> Value:
    axis = str(equation.attr("axis"))
    whole = frame.total and axis == frame.stream
    return Value(expression(frame.total) if whole else frame.length(axis), (BATCH,))


def _extent(frame: Frame, equation: Equation) -> Value:
    return Value(frame.length(str(equation.attr("axis"))), (BATCH,))


def _last(frame: Frame, equation: Equation) -> Value:
    return Value(expression("last"), (BATCH,))


def _count(frame: Frame, equation: Equation) -> Value:
    axes = equation.attr("axes")
    assert isinstance(axes, tuple)
    return Value(_counted(axes), (), constant=True)


def _counted(axes: Iterable[object]) -> ast.expr:
    """How many valid elements the batch has: the call may be of a part of it."""
    return expression(f"call.count({', '.join(repr(axis) for axis in axes if axis != BATCH)})")


def _beside_features(value: ast.expr, rank: int) -> ast.expr:
    """With a dimension of 1 for each of so many sizes."""
    return subscript(value, [ast.Constant(...), *[ast.Constant(None)] * rank]) if rank else value


def _copy(frame: Frame, equation: Equation) -> Value:
    return operand(frame, equation.reads[0])


def _carry(frame: Frame, equation: Equation) -> Value:
    value = operand(frame, equation.reads[0])
    start = filled(frame, value, equation.axes, equation)
    return Value(
        expression("carried(state, {0}, {1})", ast.Constant(str(equation.attr("key"))), start), equation.axes
    )


def _fresh(frame: Frame, equation: Equation) -> Value:
    value = operand(frame, equation.reads[0])
    return Value(expression("{0} if fresh else np.zeros_like({0})", value.expr), value.dims)


def _expand(frame: Frame, equation: Equation) -> Value:
    value = operand(frame, equation.reads[0])
    source = frame.table[equation.reads[0].name]
    if value.constant or not (value.dims or source.shape):
        return Value(value.expr, value.dims, thin=True, constant=value.constant)
    sizes = equation.shape[len(source.shape) :]
    view = frame.viewed(value.expr, lambda expr, _: _beside_features(expr, len(sizes)))
    return Value(view, value.dims, thin=value.thin or any(size.literal != 1 for size in sizes))


def _einsum(frame: Frame, equation: Equation) -> Value:
    values = factors_of(frame, equation)
    return contract(frame, equation, values, union(frame, equation, values))


def _sum_over(frame: Frame, equation: Equation) -> Value:
    source = frame.table[equation.reads[0].name]
    if source.op == "extent" and not (frame.textbook or frame.stepped or equation.axes):
        return Value(expression("call.steps({0})", ast.Constant(str(source.attr("axis")))), ())
    value = full_features(frame, equation.reads[0])
    pool = {axis for axis in value.dims if axis not in equation.axes}
    (value,) = pooled(frame, equation, [value], pool)
    dims = tuple(axis for axis in value.dims if axis not in pool)
    places = [i for i, axis in enumerate(value.dims) if axis in pool]
    if not places:
        return value
    few = all(axis in frame.lags for axis in value.dims[: places[0]])
    if equation.shape and few and _at_once(frame, equation, pool):
        return Value(_sum_of_rows(frame, equation, value, places), dims)
    return Value(_summed(value.expr, places), dims)


def _summed(expr: ast.expr, places: list[int]) -> ast.expr:
    axis = expression(str(places[0]) if len(places) == 1 else str(tuple(places)))
    return expression("{0}.sum(axis={1})", expr, axis)


def _at_once(frame: Frame, equation: Equation, pool: set[str]) -> bool:
    """Whether the sum is of real numbers over steps and sequences, outside of loops, where speed counts."""
    return not (frame.textbook or frame.scopes) and equation.type == "real" and {BATCH} < pool


def _sum_of_rows(frame: Frame, equation: Equation, value: Value, places: list[int]) -> ast.expr:
    """A sum over dimensions side by side as a product with ones, which takes a third of the time; what else is
    summed over is summed in what is left."""
    first = places[0]
    count = next((n for n, place in enumerate(places) if place != first + n), len(places))
    batch = [*map(frame.extent, value.dims[:first])]
    rest = [*map(frame.extent, value.dims[first + count :]), *map(frame.size, equation.shape)]
    rows = multiplied(frame.extents(value.dims[first : first + count]))
    columns = reshape(value.expr, [*batch, rows, multiplied(rest)])
    product = expression("call.ones({0}) @ {1}", rows, columns)
    shaped = product if len(rest) == 1 else reshape(product, [*batch, *rest])
    return _summed(shaped, [place - count for place in places[count:]]) if places[count:] else shaped


def _mean_over(frame: Frame, equation: Equation) -> Value:
    """The sum over the number of valid steps, which is at least 1."""
    total = _sum_over(frame, equation)
    pool = [p.over for p in equation.reads[0].at if p.over and p.over not in equation.axes]
    if BATCH in pool:
        return Value(expression("{0} / {1}", total.expr, _counted(pool)), total.dims)
    steps = expression("np.maximum({0}, 1).astype(dtype)", multiplied([*map(frame.length, pool)]))
    divisor = _beside_features(align(Value(steps, (BATCH,)), total.dims), len(equation.shape))
    return Value(expression("{0} / {1}", total.expr, divisor), total.dims)


def _masked_over(function: str) -> Compute:
    """A reduction that must not see steps past the end: the helper is given which are a sequence's own."""

    def build(frame: Frame, equation: Equation) -> Value:
        value = full_features(frame, equation.reads[0])
        pool = [axis for axis in value.dims if axis not in equation.axes]
        places = tuple(value.dims.index(axis) for axis in pool)
        dims = tuple(axis for axis in value.dims if axis not in pool)
        valid = validity(frame, tuple(pool), value.dims)
        return Value(expression(f"{function}({{0}}, {{1}}, {{2}})", value.expr, valid, str(places)), dims)

    return build


def _along(function: str) -> Compute:
    """An operator along one axis that stays, for valid steps only."""

    def build(frame: Frame, equation: Equation) -> Value:
        value = full_features(frame, equation.reads[0])
        axis = str(equation.attr("axis"))
        valid = validity(frame, (axis,), value.dims)
        place = value.dims.index(axis)
        return Value(
            expression(f"{function}({{0}}, {{1}}, {{2}})", value.expr, valid, str(place)), value.dims
        )

    return build


def _position(frame: Frame, equation: Equation) -> Value:
    axis = str(equation.attr("axis"))
    if axis in frame.steps:
        return Value(expression("{0} + np.zeros(B, int)", frame.step(axis)), (BATCH,))
    return Value(expression("{0} + np.zeros(B, int)", counter(frame, axis)), (axis, BATCH))


def _margins(frame: Frame, equation: Equation) -> list[ast.expr]:
    """The (before, after) slots of each leading dimension, the batch's left out at the end."""
    stored = frame.stored[equation.name]
    pairs = [stored.margins(axis) for axis in equation.axes if axis != BATCH]
    return [expression(str(pair)) for pair in pairs] if any(map(any, pairs)) else []


def _input(frame: Frame, equation: Equation) -> Value:
    """What the caller gave, with slots around its steps; at one step the past and the count are in the state."""
    given, name = "call.inputs[{0}]", str(equation.attr("name"))
    if frame.stepped:
        given = "state[{0}]" if name.startswith(PAST) else "inputs[{0}]"
    if frame.stepped and name == f"{frame.stream}.{NOW}":
        given, name = "state[{0}] + 1", str(frame.stream)
    value = expression(given, ast.Constant(name.removeprefix(PAST)))
    margins = _margins(frame, equation)
    if margins:
        value = ast.Call(expression("padded"), [value, *margins], [])
    return Value(value, equation.axes)


def is_at_hand(frame: Frame, name: str) -> bool:
    """Whether a quantity is what the caller gave, as it stands in the call: fast code fetches it at the top of
    each function that reads it."""
    equation = frame.table[name]
    plain = equation.op in ("input", "noise") and not equation.boundaries
    return (
        plain and name in frame.stored and not (frame.textbook or frame.stepped or _margins(frame, equation))
    )


def _cotangent(frame: Frame, equation: Equation) -> Value:
    """What the caller asks besides the loss."""
    key = ast.Constant(str(equation.attr("key")))
    if not equation.axes and not equation.shape:
        return Value(expression("dtype.type(cotangents.get({0}, 0.0))", key), ())
    given = [*map(expression, ("cotangents", "call")), key, *_margins(frame, equation)]
    return Value(ast.Call(expression("_cotangent"), given, []), equation.axes)


def _direction(frame: Frame, equation: Equation) -> Value:
    """How the caller moves a parameter, an input or a state."""
    value = expression("call.directions[{0}]", ast.Constant(str(equation.attr("key"))))
    margins = _margins(frame, equation)
    return Value(ast.Call(expression("padded"), [value, *margins], []) if margins else value, equation.axes)


def _basis(frame: Frame, equation: Equation) -> Value:
    """A parameter in every direction."""
    name = ast.Constant(str(equation.attr("key")).partition(":")[2])
    return Value(expression("basis(call, {0})", name), equation.axes)


def _influence(frame: Frame, equation: Equation) -> Value:
    """A product with a parameter's basis, which is not written out."""
    values = [full_features(frame, read) for read in equation.reads]
    dims = union(frame, equation, values)
    sources = [frame.table[read.name] for read in equation.reads]
    factors = [filled(frame, value, dims, source) for value, source in zip(values, sources, strict=True)]
    name = ast.Constant(str(equation.attr("key")).partition(":")[2])
    spec, operand = ast.Constant(str(equation.attr("spec"))), expression(str(equation.attr("operand")))
    call = ast.Call(expression("influence"), [expression("call"), name, spec, operand, *factors], [])
    return Value(call, (EACH, *dims))


def _place(frame: Frame, equation: Equation) -> Value:
    """``keep(t == T, a)``: the value at one step, 0 elsewhere."""
    value = operand(frame, equation.reads[0])
    axis, offset, ends = str(equation.attr("axis")), equation.attr("offset"), equation.attr("ends")
    assert isinstance(offset, int) and isinstance(ends, int)
    where = expression(str(offset))
    if ends:  # 1, or -1: how far a place is past the sequence's end
        length = frame.length(str(equation.attr("of")))
        where = plus(length, offset) if ends > 0 else expression("{0} - {1}", where, length)
    else:
        where = expression("{0} + np.zeros(B, int)", where)
    step = expression(frame.step(axis)) if axis in frame.steps else counter(frame, axis)
    test_dims = (*((axis,) if axis not in frame.steps else ()), BATCH)
    present = tuple(a for a in frame.free(equation.axes) if a in value.dims or a in test_dims)
    whole = present == value.dims
    test = align(Value(expression("{0} == {1}", step, where), test_dims), present, full=whole)
    if whole:
        return Value(expression("keep({0}, {1})", test, value.expr), present, value.thin)
    test = _beside_features(test, len(equation.shape))
    return Value(expression("np.where({0}, {1}, 0)", test, align(value, present)), present, value.thin)


def _stack(frame: Frame, equation: Equation) -> Value:
    """Every step in full, one after the other."""
    axes = frame.free(equation.axes)
    axis = str(equation.attr("axis"))
    rest = tuple(other for other in axes if other != axis)
    values = [operand(frame, read) for read in equation.reads]
    steps = ast.List([filled(frame, value, rest, equation) for value in values], ast.Load())
    place = axes.index(axis)
    if not place and (frame.quick is not None or not frame.textbook):  # NumPy's `stack` takes twice as long
        return Value(expression("np.array({0})", steps), axes)
    return Value(expression("np.stack({0}, axis={1})" if place else "np.stack({0})", steps, place), axes)


def _take(frame: Frame, equation: Equation) -> Value:
    """Rows of one table, or of a table for each step and sequence."""
    values = [operand(frame, read) for read in equation.reads]
    sources = [frame.table[read.name] for read in equation.reads]
    dims = union(frame, equation, values)
    if not values[0].dims:
        table, key = (filled(frame, value, value.dims, source) for value, source in zip(values, sources))
        return Value(ast.Subscript(table, key, ast.Load()), values[1].dims)
    table, key = (filled(frame, value, dims, source) for value, source in zip(values, sources))
    rank = len(sources[0].shape)
    return Value(expression("take_rows({0}, {1}, {2})", table, key, rank), dims)


def _scatter_rows(frame: Frame, equation: Equation) -> Value:
    values = [full_features(frame, read) for read in equation.reads]
    present = dict.fromkeys(axis for value in reversed(values) for axis in value.dims)
    values = pooled(frame, equation, values, set(present) - set(equation.axes))
    kept = frame.free(equation.axes)
    dims = (*kept, *(axis for axis in present if axis not in kept))
    sources = [frame.table[read.name] for read in equation.reads]
    rows, key = (filled(frame, value, dims, source) for value, source in zip(values, sources))
    lead = f", {len(kept)}" if kept else ""
    size = frame.size(equation.attr("size"))
    return Value(expression(f"scatter_rows({{0}}, {{1}}, {{2}}{lead})", rows, key, size), kept)


def _draw(frame: Frame, equation: Equation) -> Value:
    arguments = [full_features(frame, read).expr for read in equation.reads]
    slots = ", ".join(f"{{{i}}}" for i in range(len(arguments)))
    drawn = expression(f"draw_{equation.attr('name')}(draws, {slots})", *arguments)
    call = expression("chosen(draws, {0}, {1})", ast.Constant(str(equation.attr("key"))), drawn)
    return Value(call, frame.free(equation.axes))


def _shift_in(frame: Frame, equation: Equation) -> Value:
    axes = frame.free(equation.axes)
    place = next(k for k, axis in enumerate(axes) if axis in frame.lags)
    values = [operand(frame, read) for read in equation.reads]
    past = filled(frame, values[0], axes, equation)
    now = filled(frame, values[1], (*axes[:place], *axes[place + 1 :]), equation)
    if not place:
        return Value(expression("np.concatenate([{0}[1:], {1}[None]])", past, now), axes)
    before: list[ast.expr] = [ast.Slice()] * place
    past = subscript(past, [*before, ast.Slice(ast.Constant(1))])
    now = subscript(now, [*before, ast.Constant(None)])
    return Value(expression("np.concatenate([{0}, {1}], axis={2})", past, now, place), axes)


def _spread_pick(frame: Frame, equation: Equation) -> Value:
    """Zeros but for one component: a one-hot vector times the value, or written in place."""
    value, key = (operand(frame, read) for read in equation.reads)
    size = frame.size(equation.attr("size"))
    dims = union(frame, equation, [value, key])
    index = expression("np.asarray({0})", key.expr) if key.constant else align(key, dims)
    thin = value.thin or key.thin
    if not frame.textbook:
        spread = expression("spread_pick({0}, {1}, {2})", align(value, dims), index, size)
        return Value(spread, dims, thin)
    scalar = value.constant or not (value.dims or frame.table[equation.reads[0].name].shape)
    factor = value.expr if scalar else expression("({0})[..., None]", align(value, dims))
    return Value(expression("{0} * onehot({1}, {2}, dtype)", factor, index, size), dims, thin)


def _portion(frame: Frame, equation: Equation) -> Value:
    """exp(a - q); where q is the logsumexp of a, a textbook says softmax(a)."""
    whole, total = equation.reads
    source = frame.table[total.name]
    while source.op in ("expand", "copy"):
        source = frame.table[source.reads[0].name]
    if frame.textbook and source.op == "logsumexp" and source.reads == (whole,):
        value = operand(frame, whole)
        return Value(expression("softmax({0})", value.expr), value.dims)
    return generic(frame, equation)


STRUCTURAL |= {
    "spread_pick": _spread_pick,
    "portion": _portion,
    "draw": _draw,
    "shift_in": _shift_in,
    "number": _number,
    "dim": _dim,
    "index": _index,
    "elapsed": _elapsed,
    "length": _length,
    "extent": _extent,
    "last": _last,
    "count": _count,
    "copy": _copy,
    "carry": _carry,
    "fresh": _fresh,
    "expand": _expand,
    "einsum": _einsum,
    "position": _position,
    "input": _input,
    "noise": _input,
    "cotangent": _cotangent,
    "direction": _direction,
    "basis": _basis,
    "influence": _influence,
    "sum_over": _sum_over,
    "mean_over": _mean_over,
    "max_over": _masked_over("max_over"),
    "logsumexp_over": _masked_over("logsumexp_over"),
    "softmax_over": _along("softmax_over"),
    "first_max_over": _along("first_max_over"),
    "place": _place,
    "stack": _stack,
    "take": _take,
    "scatter_rows": _scatter_rows,
}
