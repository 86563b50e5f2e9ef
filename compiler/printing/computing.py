"""Equations as NumPy expressions, operands aligned along their axes.

Layout: an array's leading dimensions are its axes (time-major, the batch after the time axes), features
follow. NumPy broadcasts from the right, so an operand that lacks leading axes needs nothing, and one that
lacks an inner axis gets a `None` in its place. Feature shapes were made equal by the checker."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..ir import BATCH, Equation, Position, Read
from ..operators import TABLE, Call
from .contraction import contract, contract_into
from .frame import Frame, Value
from .python import expression
from .reading import counter, plus, read_stored, subscript

Compute = Callable[[Frame, Equation], Value]


def compute(frame: Frame, equation: Equation) -> Value:
    """The equation's value at the frame's steps: all free axes at once."""
    special = STRUCTURAL.get(equation.op)
    return special(frame, equation) if special else _generic(frame, equation)


def operand(frame: Frame, reader: Equation, read: Read) -> Value:
    """What an operand is here: read from its variable, or computed in place."""
    source = frame.table[read.name]
    stored = frame.stored.get(read.name)
    if stored is None:
        return compute(frame, source)
    return read_stored(frame, read, source.axes, stored)


def completed(frame: Frame, equation: Equation) -> ast.expr:
    """The value with every free axis and its full feature shape, for who cannot broadcast."""
    value = compute(frame, equation)
    axes = frame.free(equation.axes)
    if value.dims == axes and not value.thin and not value.constant:
        return value.expr
    return broadcast(frame, value, axes, equation)


def broadcast(frame: Frame, value: Value, axes: tuple[str, ...], equation: Equation) -> ast.expr:
    """``value`` stretched to these axes and the equation's features (a read-only view)."""
    aligned = align(value, axes)
    if value.constant and not axes and not equation.shape:
        return expression("np.asarray({0}, dtype)", aligned)
    return expression("np.broadcast_to({0}, {1})", aligned, full_shape(frame, axes, equation))


def full_shape(frame: Frame, axes: tuple[str, ...], equation: Equation) -> ast.expr:
    """The tuple of an array's extents."""
    parts = [frame.extent(axis) for axis in axes] + [frame.size(size) for size in equation.shape]
    return ast.Tuple(parts, ast.Load())


def align(value: Value, target: tuple[str, ...]) -> ast.expr:
    """The value with its dims in the target's order and `None` for inner axes it lacks."""
    wanted = [axis for axis in target if axis in value.dims]
    expr = value.expr
    if tuple(wanted) != value.dims:
        source = ", ".join(str(value.dims.index(axis)) for axis in wanted)
        goal = ", ".join(str(i) for i in range(len(wanted)))
        expr = expression(f"np.moveaxis({{0}}, ({source},), ({goal},))", expr)
    first = next((i for i, axis in enumerate(target) if axis in value.dims), len(target))
    parts: list[ast.expr] = [
        ast.Slice() if axis in value.dims else ast.Constant(None) for axis in target[first:]
    ]
    if all(isinstance(part, ast.Slice) for part in parts):
        return expr
    return subscript(expr, parts)


def union(frame: Frame, equation: Equation, values: list[Value]) -> tuple[str, ...]:
    """The free axes of the equation that its operands have."""
    present = {axis for value in values for axis in value.dims}
    return tuple(axis for axis in frame.free(equation.axes) if axis in present)


def _generic(frame: Frame, equation: Equation) -> Value:
    """An operator that its template prints: elementwise, or on features with any leading dimensions."""
    values = [operand(frame, equation, read) for read in equation.reads]
    dims = union(frame, equation, values)
    constant = all(value.constant for value in values)
    slots = slots_of(frame, equation, values, dims)
    code = TABLE[equation.op].printed(call_of(frame, equation))
    expr = without_real(expression(code.text, *slots, *(frame.size(size) for size in code.sizes)))
    elementwise = "elementwise" in TABLE[equation.op].traits
    thin = elementwise and bool(equation.shape) and all(v.thin or v.constant for v in values)
    return Value(expr, dims, thin, constant)


def generic_into(frame: Frame, equation: Equation, place: ast.expr) -> ast.expr | None:
    """The same written into ``place``; None when the operator has no such form."""
    code = TABLE[equation.op].printed_out(call_of(frame, equation))
    if code is None:
        return None
    values = [operand(frame, equation, read) for read in equation.reads]
    slots = slots_of(frame, equation, values, union(frame, equation, values))
    return without_real(expression(code.text, *slots, *(frame.size(size) for size in code.sizes), place))


def without_real(tree: ast.expr) -> ast.expr:
    """`1.0.real` is 1.0."""

    class Drop(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            inner = self.visit(node.value)
            bare = inner.operand if isinstance(inner, ast.UnaryOp) else inner
            return inner if node.attr == "real" and isinstance(bare, ast.Constant) else node  # type: ignore[no-any-return]

    return Drop().visit(tree)  # type: ignore[no-any-return]


def slots_of(frame: Frame, equation: Equation, values: list[Value], dims: tuple[str, ...]) -> list[ast.expr]:
    """Each operand as its operator's template wants it."""
    elementwise = "elementwise" in TABLE[equation.op].traits
    constant = all(value.constant for value in values)
    slots: list[ast.expr] = []
    for read, value in zip(equation.reads, values, strict=True):
        if value.constant:
            slots.append(value.expr if constant else as_scalar(value.expr))
        elif elementwise:
            slots.append(align(value, dims))
        else:
            slots.append(_whole(frame, value, dims, frame.table[read.name]))
    return slots


def call_of(frame: Frame, equation: Equation) -> Call:
    """The equation as its operator's rules see it."""
    sources = [frame.table[read.name] for read in equation.reads]
    return Call(
        tuple(s.shape for s in sources),
        tuple(s.type for s in sources),
        tuple(s.axes for s in sources),
        dict(equation.attrs),
    )


def _whole(frame: Frame, value: Value, dims: tuple[str, ...], source: Equation) -> ast.expr:
    """An operand with all of the result's leading dimensions: what works on features cannot broadcast."""
    expr = align(value, dims)
    if not value.thin and value.dims == dims:
        return expr
    parts = [frame.extent(axis) for axis in dims] + [frame.size(size) for size in source.shape]
    return expression("np.broadcast_to({0}, {1})", expr, ast.Tuple(parts, ast.Load()))


def as_scalar(expr: ast.expr) -> ast.expr:
    """A constant that does not widen float32 arrays: literals are weak in NumPy, computed scalars are not."""
    bare = expr.operand if isinstance(expr, ast.UnaryOp) else expr
    literal = isinstance(bare, (ast.Constant, ast.Name, ast.Attribute))
    return expr if literal else expression("dtype.type({0})", expr)


# --------------------------------------------------------------------------- structural operators


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


def _length(frame: Frame, equation: Equation) -> Value:
    return Value(frame.length(str(equation.attr("axis"))), (BATCH,))


def _count(frame: Frame, equation: Equation) -> Value:
    axes = [axis for axis in _names(equation.attr("axes")) if axis != BATCH]
    if not axes:
        return Value(expression("B"), (), constant=True)
    product = frame.length(axes[0])
    for axis in axes[1:]:
        product = expression("{0} * {1}", product, frame.length(axis))
    total = expression("({0}).sum()", product)
    return Value(expression("int({0})", total), (), constant=True)


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()


def _copy(frame: Frame, equation: Equation) -> Value:
    return operand(frame, equation, equation.reads[0])


def _carry(frame: Frame, equation: Equation) -> Value:
    start = broadcast(frame, operand(frame, equation, equation.reads[0]), equation.axes, equation)
    return Value(
        expression("carried(state, {0}, {1})", ast.Constant(str(equation.attr("key"))), start), equation.axes
    )


def _fresh(frame: Frame, equation: Equation) -> Value:
    value = operand(frame, equation, equation.reads[0])
    return Value(expression("{0} if fresh else np.zeros_like({0})", value.expr), value.dims)


def _expand(frame: Frame, equation: Equation) -> Value:
    value = operand(frame, equation, equation.reads[0])
    source = frame.table[equation.reads[0].name]
    if value.constant or not (value.dims or source.shape):
        return Value(value.expr, value.dims, thin=True, constant=value.constant)
    extra: list[ast.expr] = [ast.Constant(None)] * (len(equation.shape) - len(source.shape))
    index = ast.Tuple([ast.Constant(...), *extra], ast.Load())
    return Value(ast.Subscript(value.expr, index, ast.Load()), value.dims, thin=True)


def _einsum(frame: Frame, equation: Equation) -> Value:
    values = factors_of(frame, equation)
    return contract(frame, equation, values, union(frame, equation, values))


def einsum_into(frame: Frame, equation: Equation, place: ast.expr, whole: bool) -> ast.expr | None:
    """A matrix product written into ``place``; None when it is not one, or lacks some axis of the place."""
    values = factors_of(frame, equation)
    dims = union(frame, equation, values)
    if dims != frame.free(equation.axes):
        return None
    return contract_into(frame, equation, values, dims, place, whole)


def factors_of(frame: Frame, equation: Equation) -> list[Value]:
    """The operands of a product, those of a sum over time 0 past each sequence's end."""
    values = [full_features(frame, equation, read) for read in equation.reads]
    pool = {axis for value in values for axis in value.dims} - set(equation.axes)
    return pooled(frame, equation, values, pool)


def full_features(frame: Frame, reader: Equation, read: Read) -> Value:
    """An operand with every free axis and full features: sums must meet each element."""
    value = operand(frame, reader, read)
    if read.name in frame.stored:
        return value
    source = frame.table[read.name]
    axes = frame.free(source.axes)
    if value.dims == axes and not value.thin and not value.constant:
        return value
    return Value(broadcast(frame, value, axes, source), axes)


def pooled(frame: Frame, equation: Equation, values: list[Value], pool: set[str]) -> list[Value]:
    """Operands of a sum over ``pool``: along each time axis at least one is 0 past a sequence's end."""
    pool = pool | {p.over for r in equation.reads for p in r.at if p.over and p.over not in equation.axes}
    for axis in sorted(a for a in pool if frame.is_time(a)):
        if not any(_is_zeroed(frame, read, axis) for read in equation.reads):
            index = next(i for i, r in enumerate(equation.reads) if any(p.over == axis for p in r.at))
            values = [keep(frame, v, (axis,)) if i == index else v for i, v in enumerate(values)]
    return values


def _is_zeroed(frame: Frame, read: Read, axis: str) -> bool:
    return Position(axis) in read.at and (read.name, axis) in frame.zeroed


def keep(frame: Frame, value: Value, axes: tuple[str, ...], fill: ast.expr | None = None) -> Value:
    """The value where the steps of ``axes`` are a sequence's own, else 0 (or ``fill``)."""
    valid: ast.expr | None = None
    for axis in axes:
        test = inside(frame, axis)
        valid = test if valid is None else expression("({0}) & ({1})", valid, test)
    free = tuple(axis for axis in axes if axis in value.dims)
    mask = align(Value(valid or expression("True"), (*free, BATCH)), value.dims)
    if fill is None:
        return Value(expression("keep({0}, {1})", mask, value.expr), value.dims)
    return Value(expression("keep({0}, {1}, {2})", mask, value.expr, fill), value.dims)


def inside(frame: Frame, axis: str) -> ast.expr:
    """Which rows the step belongs to: (B,) at a loop's step, (steps, B) for all steps at once."""
    step = expression(frame.step(axis)) if axis in frame.steps else counter(frame, axis)
    return expression("{0} <= {1}", step, frame.length(axis))


def _over(function: str) -> Compute:
    def build(frame: Frame, equation: Equation) -> Value:
        read = equation.reads[0]
        value = full_features(frame, equation, read)
        pool = {axis for axis in value.dims if axis not in equation.axes}
        (value,) = pooled(frame, equation, [value], pool)
        dims = tuple(axis for axis in value.dims if axis not in pool)
        places = [i for i, axis in enumerate(value.dims) if axis in pool]
        if not places:
            return value
        axis = expression(str(places[0]) if len(places) == 1 else str(tuple(places)))
        return Value(expression(f"{{0}}.{function}(axis={{1}})", value.expr, axis), dims)

    return build


def _mean_over(frame: Frame, equation: Equation) -> Value:
    """The sum over the number of valid steps, which is at least 1."""
    total = STRUCTURAL["sum_over"](frame, equation)
    pool = [p.over for p in equation.reads[0].at if p.over and p.over not in equation.axes]
    count = Value(expression("{0}.size", total.expr), (), constant=True)
    if BATCH in pool:
        names = tuple(axis for axis in pool)
        count = _count(frame, Equation("", (), (), "int", "count", attrs=(("axes", names),)))
        return Value(expression("{0} / {1}", total.expr, count.expr), total.dims)
    product = frame.length(str(pool[0]))
    for axis in pool[1:]:
        product = expression("{0} * {1}", product, frame.length(str(axis)))
    steps = expression("np.maximum({0}, 1).astype(dtype)", product)
    divisor = align(Value(steps, (BATCH,)), total.dims)
    trailing: list[ast.expr] = [ast.Constant(None)] * len(equation.shape)
    if trailing:
        divisor = ast.Subscript(divisor, ast.Tuple([ast.Constant(...), *trailing], ast.Load()), ast.Load())
    return Value(expression("{0} / {1}", total.expr, divisor), total.dims)


def _masked_over(function: str) -> Compute:
    """A reduction that must not see steps past the end: the helper is given which are a sequence's own."""

    def build(frame: Frame, equation: Equation) -> Value:
        value = full_features(frame, equation, equation.reads[0])
        pool = [axis for axis in value.dims if axis not in equation.axes]
        places = tuple(value.dims.index(axis) for axis in pool)
        dims = tuple(axis for axis in value.dims if axis not in pool)
        valid = validity(frame, tuple(pool), value.dims)
        return Value(expression(f"{function}({{0}}, {{1}}, {{2}})", value.expr, valid, str(places)), dims)

    return build


def _along(function: str) -> Compute:
    """An operator along one axis that stays, for valid steps only."""

    def build(frame: Frame, equation: Equation) -> Value:
        value = full_features(frame, equation, equation.reads[0])
        axis = str(equation.attr("axis"))
        valid = validity(frame, (axis,), value.dims)
        place = value.dims.index(axis)
        return Value(
            expression(f"{function}({{0}}, {{1}}, {{2}})", value.expr, valid, str(place)), value.dims
        )

    return build


def validity(frame: Frame, axes: tuple[str, ...], dims: tuple[str, ...]) -> ast.expr:
    """Which places of these axes are a sequence's own, aligned with ``dims``."""
    result: ast.expr | None = None
    for axis in axes:
        if frame.is_time(axis):
            test = align(Value(inside(frame, axis), (axis, BATCH)), dims)
            result = test if result is None else expression("{0} & {1}", result, test)
    return result or expression("np.ones(1, bool)")


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
    """What the caller gave, with slots around its steps."""
    value = expression("call.inputs[{0}]", ast.Constant(str(equation.attr("name"))))
    margins = _margins(frame, equation)
    if margins:
        value = ast.Call(expression("padded"), [value, *margins], [])
    return Value(value, equation.axes)


def _cotangent(frame: Frame, equation: Equation) -> Value:
    """What the caller asks besides the loss."""
    axes = [expression(str(frame.lags[a])) if a in frame.lags else ast.Constant(a) for a in equation.axes]
    features = ast.Tuple([frame.size(size) for size in equation.shape], ast.Load())
    key = ast.Constant(str(equation.attr("key")))
    slots = ast.Tuple(_margins(frame, equation), ast.Load())
    if not axes and not equation.shape:
        return Value(expression("dtype.type(cotangents.get({0}, 0.0))", key), ())
    return Value(
        expression(
            "_cotangent(cotangents, {0}, call, {1}, {2}, {3})",
            key,
            ast.Tuple(axes, ast.Load()),
            features,
            slots,
        ),
        equation.axes,
    )


def _place(frame: Frame, equation: Equation) -> Value:
    """``keep(t == T, a)``: the value at one step, 0 elsewhere."""
    value = operand(frame, equation, equation.reads[0])
    axis, offset = str(equation.attr("axis")), equation.attr("offset")
    assert isinstance(offset, int)
    where = expression(str(offset))
    if equation.attr("ends"):
        where = plus(frame.length(str(equation.attr("of"))), offset)
    step = expression(frame.step(axis)) if axis in frame.steps else counter(frame, axis)
    if not equation.attr("ends"):
        where = expression("{0} + np.zeros(B, int)", where)
    test_dims = (*((axis,) if axis not in frame.steps else ()), BATCH)
    present = tuple(a for a in frame.free(equation.axes) if a in value.dims or a in test_dims)
    test = align(Value(expression("{0} == {1}", step, where), test_dims), present)
    if present == value.dims:
        return Value(expression("keep({0}, {1})", test, value.expr), present)
    if equation.shape:
        tail: list[ast.expr] = [ast.Constant(None)] * len(equation.shape)
        test = subscript(expression("({0})", test), [ast.Constant(...), *tail])
    return Value(expression("np.where({0}, {1}, 0)", test, align(value, present)), present)


def _take(frame: Frame, equation: Equation) -> Value:
    table, key = (operand(frame, equation, read) for read in equation.reads)
    if table.dims:
        raise NotImplementedError("a table with axes")
    return Value(ast.Subscript(table.expr, key.expr, ast.Load()), key.dims)


def _scatter_rows(frame: Frame, equation: Equation) -> Value:
    values = [full_features(frame, equation, read) for read in equation.reads]
    pool = {axis for value in values for axis in value.dims} - set(equation.axes)
    source, key = pooled(frame, equation, values, pool)
    dims = tuple(a for a in key.dims)
    size = frame.size(equation.attr("size"))
    return Value(expression("scatter_rows({0}, {1}, {2})", align(source, dims), key.expr, size), ())


def _draw(frame: Frame, equation: Equation) -> Value:
    arguments = [Value(completed_operand(frame, equation, read), ()).expr for read in equation.reads]
    slots = ", ".join(f"{{{i}}}" for i in range(len(arguments)))
    call = expression(f"draw_{equation.attr('name')}(rng, {slots}, temperature=temperature)", *arguments)
    return Value(call, frame.free(equation.axes))


def completed_operand(frame: Frame, reader: Equation, read: Read) -> ast.expr:
    """An operand with all its dimensions."""
    return full_features(frame, reader, read).expr


def _shift_in(frame: Frame, equation: Equation) -> Value:
    past, now = (completed_operand(frame, equation, read) for read in equation.reads)
    return Value(expression("np.concatenate([{0}[1:], {1}[None]])", past, now), frame.free(equation.axes))


def _spread_pick(frame: Frame, equation: Equation) -> Value:
    """Zeros but for one component: a one-hot vector times the value, or written in place."""
    value, key = (operand(frame, equation, read) for read in equation.reads)
    size = frame.size(equation.attr("size"))
    dims = union(frame, equation, [value, key])
    index = align(key, dims)
    if not frame.textbook:
        spread = expression("spread_pick({0}, {1}, {2})", align(value, dims), index, size)
        return Value(spread, dims)
    scalar = value.constant or not (value.dims or frame.table[equation.reads[0].name].shape)
    factor = value.expr if scalar else expression("({0})[..., None]", align(value, dims))
    return Value(expression("{0} * onehot({1}, {2})", factor, index, size), dims)


def _portion(frame: Frame, equation: Equation) -> Value:
    """exp(a - q); where q is the logsumexp of a, a textbook says softmax(a)."""
    whole, total = equation.reads
    source = frame.table[total.name]
    while source.op in ("expand", "copy"):
        source = frame.table[source.reads[0].name]
    if frame.textbook and source.op == "logsumexp" and source.reads == (whole,):
        value = operand(frame, equation, whole)
        return Value(expression("softmax({0})", value.expr), value.dims)
    return _generic(frame, equation)


STRUCTURAL: dict[str, Compute] = {
    "spread_pick": _spread_pick,
    "portion": _portion,
    "draw": _draw,
    "shift_in": _shift_in,
    "number": _number,
    "dim": _dim,
    "index": _index,
    "length": _length,
    "count": _count,
    "copy": _copy,
    "carry": _carry,
    "fresh": _fresh,
    "expand": _expand,
    "einsum": _einsum,
    "position": _position,
    "input": _input,
    "cotangent": _cotangent,
    "sum_over": _over("sum"),
    "mean_over": _mean_over,
    "max_over": _masked_over("max_over"),
    "logsumexp_over": _masked_over("logsumexp_over"),
    "softmax_over": _along("softmax_over"),
    "first_max_over": _along("first_max_over"),
    "place": _place,
    "take": _take,
    "scatter_rows": _scatter_rows,
}
