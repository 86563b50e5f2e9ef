"""Cancel: what was divided by something, and is divided by it again, is the quotient that is there already.

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    s[t,@] : real = input() {name: "s"}
    d[t,@] : real = input() {name: "d"}
    wide[t,@] : real[n] = expand(s[t,@]) {sizes: (<n>)}
    q[t,@] : real[n] = div(x[t,@], wide[t,@])
    half : real = number() {value: 0.5}
    a[t,@] : real = div(half, s[t,@])
    b[t,@] : real = mul(d[t,@], a[t,@])
    c[t,@] : real[n] = expand(b[t,@]) {sizes: (<n>)}
    y[t,@] : real[n] = mul(c[t,@], x[t,@])
    output output:q = q
    output output:y = y

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    s[t,@] : real = input() {name: "s"}
    d[t,@] : real = input() {name: "d"}
    wide[t,@] : real[n] = expand(s[t,@]) {sizes: (<n>)}
    q[t,@] : real[n] = div(x[t,@], wide[t,@])
    half : real = number() {value: 0.5}
    b.1[t,@] : real = mul(d[t,@], half)
    c.1[t,@] : real[n] = expand(b.1[t,@]) {sizes: (<n>)}
    y[t,@] : real[n] = mul(c.1[t,@], q[t,@])
    output output:q = q
    output output:y = y

A vector divided by its length, or by its standard deviation, has such a gradient: the root's derivative is 1 / (2 s),
the square's 2 x, and the quotient's own reads x / s. Then of x no step is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ..ir import Equation, Read, System, along, plain
from .rewriting import Rule, View, rewrite, turned


def cancel(system: System) -> System:
    """The system with such products by quotients."""
    return rewrite(system, RULES) if any(e.op == "div" for e in system.equations) else system


def divided_again(e: Equation, v: View) -> Equation | None:
    """(f * (k / s)) * x is (f * k) * q, where a quotient q = x / s is known."""
    if e.type != "real":
        return None
    for product, whole in (e.reads, e.reads[::-1]):
        for divided, divisor, undivided in _divisions(product, v):
            for q in v.table.values():
                here = q.op == "div" and q.reads[0] == whole and v.knows(q) and {*q.axes} <= {*e.axes}
                if here and q.name != divided and _narrow(q.reads[1], v) == divisor:
                    return turned(e, "mul", undivided(), plain(q))
    return None


def _divisions(read: Read, v: View) -> Iterator[tuple[str, Read, Callable[[], Read]]]:
    """The quotients among the factors of a product, what each is divided by, and the product without the division.
    Its links are read here alone, so that they go."""
    if (made := v.through(read, "div")) is not None:
        yield made.name, _narrow(made.reads[1], v), partial(made.reads.__getitem__, 0)
        return
    links = (v.through(read, op, once=True) for op in ("mul", "expand", "neg"))
    for link in (one for one in links if one is not None and not one.boundaries):
        for place, factor in enumerate(link.reads):
            for name, divisor, undivided in _divisions(factor, v):
                yield name, divisor, partial(_with, link, place, undivided, v)


def _with(link: Equation, place: int, operand: Callable[[], Read], v: View) -> Read:
    """The same of another operand."""
    reads = (*link.reads[:place], operand(), *link.reads[place + 1 :])
    over = {axis for read in reads for axis in along(read)}
    axes = [axis for axis in link.axes if axis in over]
    return v.new(link, link.op, *reads, axes=axes, shape=link.shape, **dict(link.attrs))


def _narrow(read: Read, v: View) -> Read:
    """What is repeated along further sizes."""
    repeated = v.through(read, "expand")
    return read if repeated is None else repeated.reads[0]


RULES: dict[str, Sequence[Rule]] = {"mul": (divided_again,)}
