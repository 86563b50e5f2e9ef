"""Simplify: arithmetic that says nothing goes; what has a stable or shorter form takes it.

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    zero : real = number() {value: 0.0}
    zeros : real[n] = expand(zero) {sizes: (<n>)}
    a[t,@] : real[n] = add(x[t-1,@], zeros)
    s[t,@] : real[n] = sigmoid(a[t,@])
    y[t,@] : real[n] = log(s[t,@])
    output output:y = y

becomes

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    zero : real = number() {value: 0.0}
    zeros : real[n] = expand(zero) {sizes: (<n>)}
    a[t,@] : real[n] = copy(x[t-1,@])
    s[t,@] : real[n] = sigmoid(a[t,@])
    y.1[t,@] : real[n] = neg(a[t,@])
    y.2[t,@] : real[n] = softplus(y.1[t,@])
    y[t,@] : real[n] = neg(y.2[t,@])
    output output:y = y
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

from ...spec.records import replace
from ...spec.sizes import Size
from ..ir import Equation, Read, System, along
from ..operators import TABLE, Shape
from .rewriting import Rule, View, rewrite, turned


def simplify(system: System) -> System:
    """The system with every equation in its simplest form."""
    return rewrite(system, RULES)


# ------------------------------------------------------------------------------------------- numbers

FOLD: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "maximum": max,
    "minimum": min,
    "square": lambda a: a * a,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "real": float,
}


def fold(e: Equation, v: View) -> Equation | None:
    """An operator on numbers is a number."""
    values: list[float] = []
    for read in e.reads:
        known = v.constant(read)
        if known is None:  # of most the first is none
            return None
        values.append(known)
    try:
        value = FOLD[e.op](*values)
    except (ArithmeticError, ValueError):
        return None
    if isinstance(value, complex) or math.isnan(value):
        return None
    return turned(e, "copy", v.number(e, value)) if e.shape or e.axes else turned(e, "number", value=value)


def zero(e: Equation, v: View) -> Equation | None:
    """What is 0 for operands that are 0: for one of them, where the operator multiplies."""
    if e.type != "real":
        return None
    values = [v.constant(read) for read in e.reads if v.source(read).type == "real"]
    zeros = values.count(0)
    gone = zeros > 0 if "bilinear" in TABLE[e.op].traits else values and zeros == len(values)
    return turned(e, "copy", v.number(e, 0.0)) if gone else None


def neutral(*units: float | None) -> Rule:
    """The other operand, where one is the unit of its side."""

    def rule(e: Equation, v: View) -> Equation | None:
        for place, unit in enumerate(units):
            if unit is not None and v.constant(e.reads[place]) == unit:
                return turned(e, "copy", e.reads[1 - place])
        return None

    return rule


# ---------------------------------------------------------------------------------------------- signs


def add_sign(e: Equation, v: View) -> Equation | None:
    """a + -b is a - b."""
    left, right = e.reads
    if (b := _negated(right, v)) is not None:
        return turned(e, "sub", left, b)
    if (b := _negated(left, v)) is not None:
        return turned(e, "sub", right, b)
    return None


def sub_sign(e: Equation, v: View) -> Equation | None:
    """a - -b is a + b; 0 - b is -b."""
    if v.constant(e.reads[0]) == 0:
        return turned(e, "neg", e.reads[1])
    b = _negated(e.reads[1], v)
    return None if b is None else turned(e, "add", e.reads[0], b)


def _negated(read: Read, v: View) -> Read | None:
    """What it is the negative of; it may be repeated along further sizes."""
    if (negated := v.through(read, "neg")) is not None:
        return negated.reads[0]
    repeated = v.through(read, "expand", once=True)
    negated = None if repeated is None else v.through(repeated.reads[0], "neg")
    if repeated is None or negated is None:
        return None
    return v.new(
        repeated, "expand", *negated.reads, axes=repeated.axes, shape=repeated.shape, **dict(repeated.attrs)
    )


def product_sign(e: Equation, v: View) -> Equation | None:
    """-a * -b is a * b; a * -1 is -a."""
    left, right = e.reads
    for one, other in ((left, right), (right, left)):
        if v.constant(one) == -1 and (e.op == "mul" or one is right):
            return turned(e, "neg", other)
    negated = v.through(left, "neg"), v.through(right, "neg")
    if negated[0] is None or negated[1] is None:
        return None
    return turned(e, e.op, negated[0].reads[0], negated[1].reads[0])


def sign_moved(e: Equation, v: View) -> Equation | None:
    """-a * b is a * -b where b is the same along more axes; the sum of -a * b is that of a * b, negated."""
    for place, read in enumerate(e.reads):
        negated, other = v.through(read, "neg"), e.reads[1 - place] if len(e.reads) == 2 else None
        if negated is None or other is None or {e.shape} != {v.source(one).shape for one in e.reads}:
            continue
        reads = [negated.reads[0], other][:: -1 if place else 1]
        if e.op == "mul" and {*along(other)} < {*along(read)}:
            reads[1 - place] = v.new(e, "neg", other, axes=along(other), shape=e.shape)
            return turned(e, "mul", *reads)
        if e.op == "einsum" and {*e.axes} < {*along(read)}:
            total = v.new(e, e.op, *reads, axes=e.axes, shape=e.shape, **dict(e.attrs))
            return turned(e, "neg", total)
    return None


def twice(op: str) -> Rule:
    """An operator that undoes itself."""
    return undone(op, op)


def undone(op: str, inverse: str) -> Rule:
    """``op`` of its inverse."""

    def rule(e: Equation, v: View) -> Equation | None:
        inner = v.through(e.reads[0], inverse)
        return None if inner is None else turned(e, "copy", inner.reads[0])

    return rule


# ----------------------------------------------------------------------------------- powers, logarithms


def squared(e: Equation, v: View) -> Equation | None:
    """a * a is a squared."""
    return turned(e, "square", e.reads[0]) if e.reads[0] == e.reads[1] and e.type == "real" else None


def power(e: Equation, v: View) -> Equation | None:
    """Powers that have a name."""
    exponent = v.constant(e.reads[1])
    names = {1.0: "copy", 2.0: "square", 0.5: "sqrt"}
    return turned(e, names[exponent], e.reads[0]) if exponent in names else None


def log_of(e: Equation, v: View) -> Equation | None:
    """log(sigmoid(a)) is -softplus(-a); log(softmax(a)) is a - logsumexp(a)."""
    if (inner := v.through(e.reads[0], "sigmoid")) is not None:
        negative = v.new(e, "neg", inner.reads[0], axes=inner.axes, shape=e.shape)
        return turned(e, "neg", v.new(e, "softplus", negative, axes=inner.axes, shape=e.shape))
    if (inner := v.through(e.reads[0], "softmax")) is not None:
        total = v.new(e, "logsumexp", inner.reads[0], axes=inner.axes, shape=e.shape[:-1])
        wide = v.new(e, "expand", total, axes=inner.axes, shape=e.shape, sizes=e.shape[-1:])
        return turned(e, "sub", inner.reads[0], wide)
    return None


def one_branch(e: Equation, v: View) -> Equation | None:
    """`where` with equal branches."""
    return turned(e, "copy", e.reads[1]) if e.reads[1] == e.reads[2] else None


# --------------------------------------------------------------------------------------------- shapes


def expand_twice(e: Equation, v: View) -> Equation | None:
    """One expansion by all sizes; by none, nothing."""
    if e.attr("sizes") == ():
        return turned(e, "copy", e.reads[0])
    inner = v.through(e.reads[0], "expand")
    return None if inner is None else turned(e, "expand", inner.reads[0], sizes=_sizes(inner) + _sizes(e))


def expand_late(e: Equation, v: View) -> Equation | None:
    """An elementwise operator on quantities expanded alike is the operator, expanded."""
    if not e.shape:
        return None
    inner: list[Equation] = []
    for read in e.reads:
        one = v.through(read, "expand")
        if one is None:
            return None
        inner.append(one)
    sizes = {_sizes(one) for one in inner}
    if len(sizes) != 1:
        return None
    reads = [one.reads[0] for one in inner]
    shape = e.shape[: len(e.shape) - len(next(iter(sizes)))]
    small = replace(e, shape=shape)
    return turned(e, "expand", _moved(small, v, reads), sizes=next(iter(sizes)))


def _moved(small: Equation, v: View, reads: Sequence[Read]) -> Read:
    """The equation on other operands, as a temporary."""
    over = {axis for read in reads for axis in along(read)}
    axes = tuple(axis for axis in small.axes if axis in over)
    return v.new(small, small.op, *reads, axes=axes, shape=small.shape, **dict(small.attrs))


def slice_of(e: Equation, v: View) -> Equation | None:
    """All of it; a slice of a slice; a slice that is part of a concatenation."""
    start, size = _size(e, "start"), _size(e, "size")
    source = v.source(e.reads[0])
    if source.shape[-1] == size:
        return turned(e, "copy", e.reads[0])
    if (inner := v.through(e.reads[0], "slice")) is not None:
        return turned(e, "slice", inner.reads[0], start=start + _size(inner, "start"), size=size)
    if (whole := v.through(e.reads[0], "concat")) is None:
        return None
    place = Size.of(0)
    for read in whole.reads:
        width = v.source(read).shape[-1]
        if (place, width) == (start, size):
            return turned(e, "copy", read)
        place = place + width
    return None


def concat_of(e: Equation, v: View) -> Equation | None:
    """One part; the consecutive slices of one quantity."""
    if len(e.reads) == 1:
        return turned(e, "copy", e.reads[0])
    parts = [v.through(read, "slice") for read in e.reads]
    if parts[0] is None or any(one is None or one.reads != parts[0].reads for one in parts):
        return None
    slices = [part for part in parts if part is not None]
    ends = [_size(one, "start") + _size(one, "size") for one in slices]
    if any(_size(one, "start") != end for one, end in zip(slices[1:], ends)):
        return None
    return turned(e, "slice", parts[0].reads[0], start=_size(parts[0], "start"), size=e.shape[-1])


def _size(e: Equation, name: str) -> Size:
    value = e.attr(name)
    assert isinstance(value, Size)
    return value


def _sizes(e: Equation) -> Shape:
    sizes = e.attr("sizes")
    assert isinstance(sizes, tuple)
    return e.shape[len(e.shape) - len(sizes) :]


OWN: dict[str, Sequence[Rule]] = {
    "add": (neutral(0, 0), add_sign),
    "sub": (neutral(None, 0), sub_sign),
    "mul": (neutral(1, 1), product_sign, sign_moved, squared),
    "einsum": (sign_moved,),
    "div": (neutral(None, 1), product_sign),
    "pow": (power,),
    "neg": (twice("neg"),),
    "not": (twice("not"),),
    "log": (log_of, undone("log", "exp")),
    "where": (one_branch,),
    "expand": (expand_twice,),
    "transpose": (twice("transpose"),),
    "slice": (slice_of,),
    "concat": (concat_of,),
}


def _rules(op: str) -> tuple[Rule, ...]:
    """An operator's own rules, and those of its kind."""
    traits, plain = TABLE[op].traits, op not in ("copy", "expand")
    rules = [*OWN.get(op, ())]
    rules += [fold] if op in FOLD else []
    rules += [zero] if plain and not traits.isdisjoint(("zero", "bilinear")) else []
    rules += [expand_late] if plain and "elementwise" in traits else []
    return tuple(rules)


RULES = {op: rules for op in TABLE if (rules := _rules(op))}
