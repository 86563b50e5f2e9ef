"""Contract: a sum of products is one `einsum`, which never makes the array of products.

    axis t = 1..T
    axis s = 1..S
    axis @
    a[t,s,@] : real = input() {name: "a"}
    h[s,@] : real[n] = input() {name: "h"}
    w[t,s,@] : real[n] = expand(a[t,s,@]) {sizes: (<n>)}
    p[t,s,@] : real[n] = mul(w[t,s,@], h[s,@])
    c[t,@] : real[n] = sum_over(p[t,s,@])
    output output:c = c

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis s = 1..S
    axis @
    a[t,s,@] : real = input() {name: "a"}
    h[s,@] : real[n] = input() {name: "h"}
    w[t,s,@] : real[n] = expand(a[t,s,@]) {sizes: (<n>)}
    c[t,@] : real[n] = einsum(w[t,s,@], h[s,@]) {spec: "i,i->i"}
    output output:c = c

Sums of sums are one sum; signs and factors that are the same along the axes summed go outside."""

from __future__ import annotations

from collections.abc import Sequence

from ...spec.records import replace
from ..ir import Equation, System, along
from ..operators import TABLE
from .rewriting import Rule, View, dropped, rewrite, turned

NAMES = "ijklmnopqrstuvwxyz"


def contract(system: System) -> System:
    """The system with sums and products contracted."""
    return rewrite(system, RULES)


# ------------------------------------------------------------------------------------- sums over axes


def sum_of_nothing(e: Equation, v: View) -> Equation | None:
    """A sum over no axis."""
    return None if dropped(e) else turned(e, "copy", e.reads[0])


def sum_of_sum(e: Equation, v: View) -> Equation | None:
    """A sum of what is summed already: the same sum over more axes."""
    inner = v.source(e.reads[0])
    if "sums" not in TABLE[inner.op].traits or v.through(e.reads[0], inner.op, once=True) is None:
        return None
    summed = {axis for read in inner.reads for axis in along(read)}
    if not set(inner.axes) >= set(e.axes) or not dropped(e) <= summed:  # a repeated sum is a multiple of it
        return None
    return replace(e, op=inner.op, reads=inner.reads, attrs=inner.attrs)


def sum_of_negative(e: Equation, v: View) -> Equation | None:
    """The negative of the sum."""
    inner = v.through(e.reads[0], "neg", once=True)
    if inner is None or set(along(inner.reads[0])) != set(inner.axes):
        return None
    return turned(e, "neg", v.new(e, "sum_over", *inner.reads, axes=e.axes, shape=e.shape))


def sum_of_product(e: Equation, v: View) -> Equation | None:
    """A factor that is the same along the axes summed goes outside; else a contraction."""
    inner = v.through(e.reads[0], "mul", once=True)
    over = dropped(e)
    if inner is None or inner.type != "real":
        return None
    left, right = inner.reads
    for factor, rest in ((left, right), (right, left)):
        if not over & set(along(factor)) and over <= set(along(rest)):
            axes = tuple(axis for axis in e.axes if axis in along(rest))
            return turned(e, "mul", factor, v.new(e, "sum_over", rest, axes=axes, shape=e.shape))
    if not over <= {*along(left), *along(right)}:
        return None
    names = NAMES[: len(e.shape)]
    return turned(e, "einsum", left, right, spec=f"{names},{names}->{names}")


# ---------------------------------------------------------------------------- sums over feature sizes


def sum_of_features(e: Equation, v: View) -> Equation | None:
    """The sum of a product, or of a contraction, over the last size."""
    read = e.reads[0]
    if (inner := v.through(read, "mul", once=True)) is not None and inner.type == "real":
        names = NAMES[: len(inner.shape)]
        return turned(e, "einsum", *inner.reads, spec=f"{names},{names}->{names[:-1]}")
    if (inner := v.through(read, "einsum", once=True)) is not None and inner.axes == e.axes:
        return turned(e, "einsum", *inner.reads, spec=str(inner.attr("spec"))[:-1])
    return None


def negative_of_features(e: Equation, v: View) -> Equation | None:
    """The negative of the sum."""
    inner = v.through(e.reads[0], "neg", once=True)
    if inner is None:
        return None
    return turned(e, "neg", v.new(e, "sum", *inner.reads, axes=e.axes, shape=e.shape))


RULES: dict[str, Sequence[Rule]] = {
    "sum_over": (sum_of_nothing, sum_of_sum, sum_of_negative, sum_of_product),
    "sum": (sum_of_features, negative_of_features),
}
