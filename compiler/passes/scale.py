"""Scale: numbers by which a quantity is multiplied one after the other are one number, and stay outside of sums.

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    half : real = number() {value: 0.5}
    two : real = number() {value: 2.0}
    s : real = param() {name: "s"}
    halves : real[n] = expand(half) {sizes: (<n>)}
    twos : real[n] = expand(two) {sizes: (<n>)}
    all : real[n] = expand(s) {sizes: (<n>)}
    a[t,@] : real[n] = mul(x[t,@], twos)
    b[t,@] : real[n] = mul(all, a[t,@])
    c[t,@] : real[n] = mul(halves, x[t,@])
    d[t,@] : real = sum(c[t,@])
    output output:b = b
    output output:d = d

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    half : real = number() {value: 0.5}
    two : real = number() {value: 2.0}
    s : real = param() {name: "s"}
    b.1 : real = mul(s, two)
    b.2 : real[n] = expand(b.1) {sizes: (<n>)}
    b[t,@] : real[n] = mul(b.2, x[t,@])
    d.1[t,@] : real = sum(x[t,@])
    d[t,@] : real = mul(half, d.1[t,@])
    output output:b = b
    output output:d = d

So a head's squared distance and its gradient are one pass over an array each. A number that is added at every
place of a sum is added once, as often as there are places. Literals stay apart where their product is beyond what
float32 holds: what they are multiplied with may bring it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..ir import Equation, Read, System
from .rewriting import Rule, View, rewrite, turned

LEAST, MOST = 1e-30, 1e30  # of a literal that is put in the place of others


def scale(system: System) -> System:
    """The system with products by numbers put together."""
    return rewrite(system, RULES)


def scaled_twice(e: Equation, v: View) -> Equation | None:
    """s * (r * a) is (s * r) * a, and s * -a is -s * a."""
    if not (e.shape or e.axes) or e.type != "real":
        return None
    for scalar, other in _scaled(e, v):
        inner = v.through(other, "mul")
        for second, rest in _scaled(inner, v) if inner is not None and inner.type == "real" else ():
            if v.constant(scalar) is not None and v.constant(second) is not None:
                continue  # literals_meet has looked at them
            return _times(e, v, v.new(e, "mul", scalar, second), rest)
        inner = v.through(other, "neg")
        if inner is not None:
            return _times(e, v, v.new(e, "neg", scalar), inner.reads[0])
    return None


def literals_meet(e: Equation, v: View) -> Equation | None:
    """2 * (0.5 * a) is a."""
    for one, other in (e.reads, e.reads[::-1]):
        first, inner = v.constant(one), v.through(other, "mul")
        if first is None or inner is None or e.type != "real" or inner.boundaries:
            continue
        for second, rest in (inner.reads, inner.reads[::-1]):
            value = v.constant(second)
            if value is not None and _is_usual(product := first * value):
                return (
                    turned(e, "copy", rest) if product == 1 else turned(e, "mul", v.number(e, product), rest)
                )
    return None


def scaled_where_small(e: Equation, v: View) -> Equation | None:
    """What is the same in all components takes the number: u * (s * a) is (s * u) * a."""
    if not e.shape or e.type != "real":
        return None
    for one, other in (e.reads, e.reads[::-1]):
        repeated, inner = v.through(one, "expand"), v.through(other, "mul", once=True)
        if repeated is None or inner is None or inner.type != "real" or inner.boundaries:
            continue
        (small,) = repeated.reads
        if v.source(small).shape or not v.source(small).axes:
            continue
        for scalar, rest in _scaled(inner, v):
            scaled = v.new(e, "mul", scalar, small, axes=repeated.axes)
            wide = v.new(e, "expand", scaled, axes=repeated.axes, shape=e.shape, sizes=e.shape)
            return turned(e, "mul", wide, rest)
    return None


def divided(e: Equation, v: View) -> Equation | None:
    """a / n, for a literal or a dim, is a * (1 / n)."""
    whole, divisor = e.reads
    repeated = v.through(divisor, "expand")
    inner = divisor if repeated is None else repeated.reads[0]
    number = v.source(inner)
    if not e.axes or e.boundaries or e.type != "real" or number.op not in ("dim", "number") or number.shape:
        return None
    value = v.constant(inner)
    if number.op == "number" and not (value is not None and _is_usual(value)):
        return None
    inverse = (
        v.new(e, "number", value=1 / value)
        if value
        else v.new(e, "div", v.new(e, "number", value=1.0), inner)
    )
    return _times(e, v, inverse, whole)


def same_everywhere(e: Equation, v: View) -> Equation | None:
    """A product of numbers is a number, wherever it is read."""
    if not e.axes or e.shape or e.type != "real" or any(read.at for read in e.reads):
        return None
    return turned(e, "copy", v.new(e, "mul", *e.reads))


def negative_of_scaled(e: Equation, v: View) -> Equation | None:
    """-(s * a) is -s * a."""
    inner = v.through(e.reads[0], "mul")
    if inner is None or not (e.shape or e.axes) or e.type != "real":
        return None
    for scalar, rest in _scaled(inner, v):
        return _times(e, v, v.new(e, "neg", scalar), rest)
    return None


def sum_of_scaled(e: Equation, v: View) -> Equation | None:
    """The sum of s * a is s times the sum of a."""
    inner = v.through(e.reads[0], "mul", once=True)
    if inner is None or inner.type != "real" or not e.axes:
        return None
    for scalar, rest in _scaled(inner, v):
        return _times(e, v, scalar, v.new(e, "sum", rest, axes=e.axes, shape=e.shape))
    return None


def mean_of_sum(e: Equation, v: View) -> Equation | None:
    """The sum of n numbers times 1 / n is their mean."""
    for scalar, rest in _scaled(e, v):
        total, negated = v.through(rest, "sum", once=True), v.through(scalar, "neg")
        inverse = v.through(scalar if negated is None else negated.reads[0], "div")
        if total is None or inverse is None or v.constant(inverse.reads[0]) != 1 or e.shape:
            continue
        count = v.source(inverse.reads[1])
        if count.op == "dim" and count.attr("size") == v.source(total.reads[0]).shape[-1]:
            if negated is None:
                return turned(e, "mean", *total.reads)
            return turned(e, "neg", v.new(e, "mean", *total.reads, axes=e.axes))
    return None


def number_meets_number(e: Equation, v: View) -> Equation | None:
    """s times the sum of a * (r * b) is the sum of a * (s * (r * b)): no gradient is by s. r may be -1."""
    for scalar, rest in _scaled(e, v):
        total = v.through(rest, "einsum", once=True)
        if total is None or total.boundaries or not _is_known(scalar, v):
            continue
        for place, read in enumerate(total.reads):
            one = v.through(read, "neg", once=True) or v.through(read, "mul", once=True)
            if one is not None and not one.boundaries and (one.op == "neg" or any(_scaled(one, v))):
                scaled = v.new(one, "mul", _wide(one, v, scalar), read, axes=one.axes, shape=one.shape)
                reads = (*total.reads[:place], scaled, *total.reads[place + 1 :])
                return turned(e, "einsum", *reads, **dict(total.attrs))
    return None


def sum_of_shifted(e: Equation, v: View) -> Equation | None:
    """The sum of a + s over n places is that of a, and s * n."""
    inner = v.through(e.reads[0], "add", once=True)
    if inner is None or inner.type != "real" or not e.axes or inner.boundaries:
        return None
    for scalar, rest in _scaled(inner, v):
        count = v.new(e, "dim", size=inner.shape[-1])
        shift = _wide(e, v, v.new(e, "mul", scalar, count))
        return turned(e, "add", v.new(e, "sum", rest, axes=e.axes, shape=e.shape), shift)
    return None


def _scaled(e: Equation, v: View) -> Iterator[tuple[Read, Read]]:
    """The number that an equation multiplies by, or adds, and the other operand, where it is an array."""
    for one, other in (e.reads, e.reads[::-1]):
        repeated = v.through(one, "expand")
        scalar = v.source(one) if repeated is None else v.source(repeated.reads[0])
        found = one if repeated is None else repeated.reads[0]
        if not scalar.axes and not scalar.shape and scalar.type == "real" and v.source(other).axes:
            yield found, other


def _is_known(scalar: Read, v: View) -> bool:
    """Whether a number is made of literals and sizes alone."""
    source = v.source(scalar)
    if source.op in ("mul", "div", "neg") and v.knows(source):
        return all(_is_known(read, v) for read in source.reads)
    return source.op in ("number", "dim")


def _is_usual(value: float) -> bool:
    """Whether a number is far from the ends of float32's range."""
    return LEAST < abs(value) < MOST


def _times(e: Equation, v: View, scalar: Read, rest: Read) -> Equation:
    return turned(e, "mul", _wide(e, v, scalar), rest)


def _wide(e: Equation, v: View, scalar: Read) -> Read:
    return v.new(e, "expand", scalar, shape=e.shape, sizes=e.shape) if e.shape else scalar


RULES: dict[str, Sequence[Rule]] = {
    "mul": (
        same_everywhere,
        literals_meet,
        mean_of_sum,
        number_meets_number,
        scaled_twice,
        scaled_where_small,
    ),
    "div": (divided,),
    "neg": (negative_of_scaled,),
    "sum": (sum_of_scaled, sum_of_shifted),
}
