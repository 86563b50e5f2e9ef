"""Equations as NumPy expressions, operands aligned along their axes.

Layout: an array's leading dimensions are its axes (time-major, the batch after the time axes), features
follow. NumPy broadcasts from the right, so an operand that lacks leading axes needs nothing, and one that
lacks an inner axis gets a `None` in its place. Feature shapes were made equal by the checker."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..ir import BATCH, Equation, Position, Read, along
from ..operators import TABLE, Call
from .contraction import contract_into
from .frame import DTYPES, Frame, Value
from .python import expression, rewritten, text
from .reading import counter, moved, read_stored, subscript

Compute = Callable[[Frame, Equation], Value]

WEIGHTS = {"sum": "np.ones({0}, dtype)", "mean": "np.ones({0}, dtype) / {0}"}
"""Sums over the last size as products with a vector: NumPy's own reductions take three times as long per call."""

DECIDING = {"where": (1, 2), "clip": (0,)}
"""Functions that are no ufuncs, and operands of which one must be an array: numbers alone count as float64."""

STRUCTURAL: dict[str, Compute] = {}
"""Operators that work along axes: `structure` fills it."""


def compute(frame: Frame, equation: Equation) -> Value:
    """The equation's value at the frame's steps: all free axes at once."""
    special = STRUCTURAL.get(equation.op)
    return special(frame, equation) if special else generic(frame, equation)


def operand(frame: Frame, read: Read) -> Value:
    """What an operand is here: read from its variable, or computed in place."""
    source = frame.table[read.name]
    stored = frame.stored.get(read.name)
    if stored is None:
        return compute(frame, source)
    return read_stored(frame, read, source.axes, stored)


def completed(frame: Frame, equation: Equation) -> ast.expr:
    """The value with every free axis and its full feature shape, for who cannot broadcast."""
    return filled(frame, compute(frame, equation), frame.free(equation.axes), equation)


def filled(frame: Frame, value: Value, axes: tuple[str, ...], equation: Equation) -> ast.expr:
    """The value with these axes and the equation's full feature shape."""
    if value.dims == axes and not value.thin and not value.constant:
        return value.expr
    return broadcast(frame, value, axes, equation)


def unrepeated(frame: Frame, value: Value, axes: tuple[str, ...], equation: Equation) -> ast.expr:
    """The same for who repeats by himself what lacks the first of the axes: it has no dimension for it."""
    if axes[0] in value.dims:
        return filled(frame, value, axes, equation)
    if value.constant:
        return expression(f"np.asarray({{0}}, {DTYPES[equation.type]})", value.expr)
    return align(value, axes)


def broadcast(frame: Frame, value: Value, axes: tuple[str, ...], equation: Equation) -> ast.expr:
    """``value`` stretched to these axes and the equation's features (a read-only view, or an array)."""
    aligned = align(value, axes)
    shape, dtype = full_shape(frame, axes, equation), DTYPES[equation.type]
    if not value.constant:
        return expression("np.broadcast_to({0}, {1})", aligned, shape)
    if not axes and not equation.shape:
        return expression(f"np.asarray({{0}}, {dtype})", aligned)
    if isinstance(aligned, ast.Constant) and not aligned.value:
        return expression(f"np.zeros({{0}}, {dtype})", shape)
    return expression(f"np.full({{0}}, {{1}}, {dtype})", shape, aligned)


def full_shape(frame: Frame, axes: tuple[str, ...], equation: Equation) -> ast.expr:
    """The tuple of an array's extents."""
    parts = [frame.extent(axis) for axis in axes] + [frame.size(size) for size in equation.shape]
    return ast.Tuple(parts, ast.Load())


def align(value: Value, target: tuple[str, ...], full: bool = False) -> ast.expr:
    """The value with its dims in the target's order and `None` for inner axes it lacks; NumPy itself adds the
    outer ones, unless the value is wanted ``full``."""
    wanted = [axis for axis in target if axis in value.dims]
    expr = value.expr
    if tuple(wanted) != value.dims:
        expr = moved(expr, [value.dims.index(axis) for axis in wanted])
    first = 0 if full else next((i for i, axis in enumerate(target) if axis in value.dims), len(target))
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


def generic(frame: Frame, equation: Equation) -> Value:
    """An operator that its template prints: elementwise, or on features with any leading dimensions."""
    values = [operand(frame, read) for read in equation.reads]
    dims = union(frame, equation, values)
    elementwise = "elementwise" in TABLE[equation.op].traits
    constant = elementwise and all(value.constant for value in values)
    slots = slots_of(frame, equation, values, dims)
    if frame.quick is not None and equation.op in WEIGHTS and equation.type == "real":
        return Value(
            expression("{0}.dot({1})", slots[0], frame.quick.once(*weights_of(frame, equation))), dims
        )
    if equation.op == "maximum" and all(_is_counted(frame.table[read.name]) for read in equation.reads):
        # NumPy takes ten times as long for two numbers
        return Value(expression("max({0}, {1})", *slots), dims, constant=True)
    code = TABLE[equation.op].printed(call_of(frame, equation))
    expr = filled_in(frame, code.text, *slots, *(frame.size(size) for size in code.sizes))
    thin = elementwise and bool(equation.shape) and all(v.thin or v.constant for v in values)
    return Value(total(expr) if constant else expr, dims, thin, constant)


def _is_counted(equation: Equation) -> bool:
    """Whether it is one of Python's numbers, and not NaN."""
    nan = equation.op == "number" and equation.attr("value") != equation.attr("value")
    return equation.op in ("number", "dim", "count") and not nan


def generic_into(frame: Frame, equation: Equation, place: ast.expr) -> ast.expr | None:
    """The same written into ``place``; None when the operator has no such form."""
    code = TABLE[equation.op].printed_out(call_of(frame, equation))
    if code is None:
        return None
    values = [operand(frame, read) for read in equation.reads]
    slots = slots_of(frame, equation, values, frame.free(equation.axes))
    if equation.op in WEIGHTS and equation.type == "real":
        weights, wish = weights_of(frame, equation)
        if _in_fast_loop(frame):
            weights = frame.hoist(weights, wish)
        return expression("np.matmul({0}, {1}, {2})", slots[0], weights, place)
    if equation.op == "neg" and equation.type == "real" and _in_fast_loop(frame):
        factor = frame.hoist(expression("np.array(-1, dtype)"), NUMBERS["-1"])
        return expression("np.multiply({0}, {1}, {2})", slots[0], factor, place)
    return filled_in(frame, code.text, *slots, *(frame.size(size) for size in code.sizes), place)


def weights_of(frame: Frame, equation: Equation) -> tuple[ast.expr, str]:
    """The vector by which a sum or a mean is a product, and a name for it."""
    size = frame.size(frame.table[equation.reads[0].name].shape[-1])
    return expression(WEIGHTS[equation.op], size), f"{equation.op}_{text(size)}"


TOTAL = {ast.Div: "np.divide({0}, {1})", ast.Mod: "np.remainder({0}, {1})", ast.Pow: "np.power({0}, {1})"}


def total(tree: ast.expr) -> ast.expr:
    """Numbers as NumPy reckons with them: where Python's own operators raise an error, these give inf or NaN."""
    return rewritten(tree, _Total())


class _Total(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        safe = isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant) and node.right.value
        if type(node.op) not in TOTAL or safe:
            return node
        return expression(TOTAL[type(node.op)], node.left, node.right)


def filled_in(frame: Frame, template: str, *slots: ast.expr) -> ast.expr:
    """An operator's code with its operands; `1.0.real` is 1.0, and a length has no imaginary part."""
    tree = expression(template, *slots)
    return rewritten(tree, _Bare(frame)) if ".real" in template else tree


class _Bare(ast.NodeTransformer):
    def __init__(self, frame: Frame) -> None:
        self.lengths = {axis.length for axis in frame.axes.values()}

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        inner = self.visit(node.value)
        bare = inner.operand if isinstance(inner, ast.UnaryOp) else inner
        bare = isinstance(bare, ast.Constant) or (isinstance(bare, ast.Name) and bare.id in self.lengths)
        return inner if node.attr == "real" and bare else node


def slots_of(frame: Frame, equation: Equation, values: list[Value], dims: tuple[str, ...]) -> list[ast.expr]:
    """Each operand as its operator's template wants it."""
    elementwise = "elementwise" in TABLE[equation.op].traits
    constant = all(value.constant for value in values)
    told = [i for i in DECIDING.get(equation.op, ()) if equation.type == "real" and not constant]
    told = told if all(values[i].constant for i in told) else []
    slots: list[ast.expr] = []
    for i, (read, value) in enumerate(zip(equation.reads, values, strict=True)):
        if elementwise and value.constant:
            scalar = expression("dtype.type({0})", value.expr) if i in told else None
            slots.append(value.expr if constant else scalar or _number_of(frame, equation, read, value))
        elif elementwise:
            slots.append(
                _counted(frame, equation, read, align(_in_rows(frame, equation, read, value, dims), dims))
            )
        else:
            slots.append(filled(frame, value, dims, frame.table[read.name]))
    return slots


def _counted(frame: Frame, equation: Equation, read: Read, expr: ast.expr) -> ast.expr:
    """An operand; how many steps there are as a number of the network's own kind, where one is computed of it."""
    number = equation.type == "real" and frame.table[read.name].op == "extent"
    return expression("{0}.astype(dtype)", expr) if number else expr


NUMBERS = {"0.5": "half", "1.0": "one", "2.0": "two", "-1": "minus_one"}


def _in_fast_loop(frame: Frame) -> bool:
    return bool(frame.scopes) and frame.hoisted is not None


def _number_of(frame: Frame, equation: Equation, read: Read, value: Value) -> ast.expr:
    """A number beside arrays. In fast loops, and with frozen parameters, an array without dimensions: NumPy takes
    it in half the time."""
    number = value.expr
    if frame.table[read.name].type != "real":
        return number
    if equation.type != "real" or equation.op == "pow":
        return as_scalar(number)
    made, wish = expression("np.array({0}, dtype)", number), NUMBERS.get(text(number), "number")
    if _in_fast_loop(frame):
        return frame.hoist(made, wish)
    return frame.frozen(made, wish) or as_scalar(number)


def _in_rows(frame: Frame, equation: Equation, read: Read, value: Value, dims: tuple[str, ...]) -> Value:
    """What every sequence has alike, in a fast loop: a row for each, because NumPy takes one long run of
    memory in half the time of many short ones. At a step with frozen parameters: one row beside the batch."""
    axes = frame.table[read.name].axes
    if frame.quick is not None and BATCH in dims and BATCH not in axes and equation.shape:
        name = text(value.expr)
        row = frame.frozen(align(value, dims, full=True), f"{name}_row" if name.isidentifier() else "row")
        return value if row is None else Value(row, dims)
    if _in_fast_loop(frame) and isinstance(value.expr, ast.Name) and _computed_number(frame, read):
        return Value(frame.hoist(expression("np.asarray({0})", value.expr), f"{value.expr.id}_array"), ())
    alike = BATCH in dims and BATCH not in axes and equation.shape and not value.thin
    fixed = read.name in frame.stored and not set(axes) & set(frame.steps)
    if not (alike and fixed and _in_fast_loop(frame)):
        return value
    target = tuple(axis for axis in dims if axis in value.dims or axis == BATCH)
    shape = full_shape(frame, target, frame.table[read.name])
    rows = expression("np.full({1}, {0})", align(value, target), shape)
    return Value(frame.hoist(rows, f"{frame.stored[read.name].identifier}_rows"), target)


def _computed_number(frame: Frame, read: Read) -> bool:
    """Whether it is a number that was computed, perhaps repeated: one of NumPy's scalars."""
    source = frame.table[read.name]
    if source.op == "expand" and not source.axes:
        source = frame.table[source.reads[0].name]
    computed = not source.axes and not source.shape and source.op not in ("param", "input")
    return computed and source.type == "real" and source.name in frame.stored


def call_of(frame: Frame, equation: Equation) -> Call:
    """The equation as its operator's rules see it."""
    sources = [frame.table[read.name] for read in equation.reads]
    return Call(
        tuple(s.shape for s in sources),
        tuple(s.type for s in sources),
        tuple(along(read) for read in equation.reads),
        dict(equation.attrs),
    )


def as_scalar(expr: ast.expr) -> ast.expr:
    """A constant that does not widen float32 arrays: literals are weak in NumPy, computed scalars are not."""
    bare = expr.operand if isinstance(expr, ast.UnaryOp) else expr
    literal = isinstance(bare, (ast.Constant, ast.Name, ast.Attribute))
    return expr if literal else expression("dtype.type({0})", expr)


def einsum_into(frame: Frame, equation: Equation, place: Value, whole: bool) -> ast.expr | None:
    """A matrix product written into ``place``; None when it is not one, or lacks some axis of the place."""
    values = factors_of(frame, equation)
    if set(union(frame, equation, values)) != set(place.dims):
        return None
    return contract_into(frame, equation, values, place, whole)


def factors_of(frame: Frame, equation: Equation) -> list[Value]:
    """The operands of a product, those of a sum over time 0 past each sequence's end."""
    values = [full_features(frame, read) for read in equation.reads]
    pool = {axis for value in values for axis in value.dims} - set(equation.axes)
    return pooled(frame, equation, values, pool)


def full_features(frame: Frame, read: Read) -> Value:
    """An operand with every free axis and full features: sums must meet each element."""
    value = operand(frame, read)
    if read.name in frame.stored:
        return value
    source = frame.table[read.name]
    axes = frame.free(source.axes)
    return Value(filled(frame, value, axes, source), axes)


def pooled(frame: Frame, equation: Equation, values: list[Value], pool: set[str]) -> list[Value]:
    """Operands of a sum over ``pool``: along each time axis at least one is 0 past a sequence's end, and none
    can be infinite there. What is stored was made right where it is defined."""
    pool = pool | {p.over for r in equation.reads for p in r.at if p.over and p.over not in equation.axes}
    for axis in sorted(frame.ragged(tuple(pool))):
        along = [i for i, r in enumerate(equation.reads) if any(p.over == axis for p in r.at)]
        wild = {i for i in along if equation.reads[i].name not in frame.stored}
        if not wild and not any(_is_zeroed(frame, equation.reads[i], axis) for i in along):
            wild = set(along[:1])
        values = [keep(frame, v, (axis,)) if i in wild else v for i, v in enumerate(values)]
    return values


def _is_zeroed(frame: Frame, read: Read, axis: str) -> bool:
    return Position(axis) in read.at and (read.name, axis) in frame.zeroed


def keep(frame: Frame, value: Value, axes: tuple[str, ...], fill: ast.expr | None = None) -> Value:
    """The value where the steps of ``axes`` are a sequence's own, else 0 (or ``fill``)."""
    mask = validity(frame, axes, value.dims)
    if fill is None:
        return Value(expression("keep({0}, {1})", mask, value.expr), value.dims)
    return Value(expression("keep({0}, {1}, {2})", mask, value.expr, fill), value.dims)


def inside(frame: Frame, axis: str) -> ast.expr:
    """Which rows the step belongs to: (B,) at a loop's step, (steps, B) for all steps at once."""
    if axis in frame.steps:
        return expression("{0} <= {1}", frame.step(axis), frame.length(axis))
    all_steps = expression("{0} <= {1}", counter(frame, axis), frame.length(axis))
    return frame.hoist(all_steps, f"own_{frame.axes[axis].length}") if _in_fast_loop(frame) else all_steps


def validity(frame: Frame, axes: tuple[str, ...], dims: tuple[str, ...]) -> ast.expr:
    """Which places of these axes are a sequence's own, aligned with ``dims``."""
    result: ast.expr | None = None
    for axis in frame.ragged(axes):
        test = align(Value(inside(frame, axis), frame.free((axis, BATCH))), dims, full=True)
        result = test if result is None else expression("{0} & {1}", result, test)
    return result or expression("np.ones(1, bool)")
