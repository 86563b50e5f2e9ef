"""Invert: what is divided by one root in all its components is multiplied by the root's inverse.

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    a[t,@] : real[n] = square(x[t,@])
    b[t,@] : real = mean(a[t,@])
    s[t,@] : real = sqrt(b[t,@])
    d[t,@] : real[n] = expand(s[t,@]) {sizes: (<n>)}
    y[t,@] : real[n] = div(x[t,@], d[t,@])
    output output:y = y

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    a[t,@] : real[n] = square(x[t,@])
    b[t,@] : real = mean(a[t,@])
    s[t,@] : real = sqrt(b[t,@])
    y.1 : real = number() {value: 1.0}
    y.2[t,@] : real = div(y.1, s[t,@])
    y.3[t,@] : real[n] = expand(y.2[t,@]) {sizes: (<n>)}
    y[t,@] : real[n] = mul(x[t,@], y.3[t,@])
    output output:y = y

A division takes two to four times as long as a product, and the gradient of a normalisation divides again. The
inverse of a root is finite unless the root is 0, where the quotient is not finite either; that of any other
number may be too large, and the quotient not."""

from __future__ import annotations

from ..ir import Equation, System
from .rewriting import View, is_plain, rewrite, turned

ROOTS = ("sqrt", "norm")


def invert(system: System) -> System:
    """The system with products in the place of such quotients."""
    return rewrite(system, {"div": (by_inverse,)})


def by_inverse(e: Equation, v: View) -> Equation | None:
    """a / s is a * (1 / s)."""
    whole, divisor = e.reads
    repeated = v.through(divisor, "expand")
    if repeated is None or e.boundaries or v.through(whole, "expand") is not None:
        return None
    (inner,) = repeated.reads
    root = v.source(inner)
    if root.op not in ROOTS or root.shape or not is_plain(inner, root):
        return None
    inverse = v.new(e, "div", v.new(e, "number", value=1.0), inner, axes=root.axes)
    return turned(e, "mul", whole, v.new(e, "expand", inverse, axes=root.axes, shape=e.shape, sizes=e.shape))
