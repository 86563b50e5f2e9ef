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

Sums of sums are one sum; signs and factors that are the same along the axes summed go outside, parameters also where
several sums read the product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...spec.records import replace
from ..ir import Equation, Read, System, along
from ..operators import TABLE
from .rewriting import Rule, View, dropped, rewrite, turned

NAMES = "ijklmnopqrstuvwxyz"


def contract(system: System) -> System:
    """The system with sums and products contracted."""
    rules = {**RULES, "sum_over": (_outside(_summed_only(system)), *RULES["sum_over"])}
    return rewrite(system, rules)


# ------------------------------------------------------------------- parameters in products that are summed


def _summed_only(system: System) -> frozenset[str]:
    """Products that several sums over axes read, and nothing else."""
    summed = Counter(name for e in system.equations if e.op == "sum_over" for name in e.sources())
    several = {name for name, count in summed.items() if count > 1}
    products = {e.name for e in system.equations if e.op == "mul" and e.axes and e.name in several}
    if not products:
        return frozenset()
    others = {name for e in system.equations if e.op != "sum_over" for name in e.sources()}
    return frozenset(products - others - {name for _, name in system.outputs})


def _outside(products: frozenset[str]) -> Rule:
    """Factors of such a product that are the same at every step go outside of each of the sums: there are fewer
    sums than terms."""

    def rule(e: Equation, v: View) -> Equation | None:
        if e.reads[0].name not in products or v.through(e.reads[0], "mul") is None or e.type != "real":
            return None
        factors = _factors(e.reads[0], v)
        still = [one for one in factors if not v.source(one).axes]
        moving = [one for one in factors if v.source(one).axes]
        if not still or not moving:
            return None
        inner = v.source(e.reads[0])
        rest = _product(e, moving, v, inner.axes)
        total = v.new(e, "sum_over", rest, axes=e.axes, shape=e.shape)
        return turned(e, "mul", _product(e, still, v, ()), total)

    return rule


def _factors(read: Read, v: View) -> list[Read]:
    """What a product of products multiplies."""
    inner = v.source(read)
    found: list[Read] = []
    for one in inner.reads:
        product = v.through(one, "mul", once=True)
        found += [one] if product is None or product.boundaries or not v.knows(product) else _factors(one, v)
    return found


def _product(e: Equation, factors: Sequence[Read], v: View, axes: tuple[str, ...]) -> Read:
    total = factors[0]
    for one in factors[1:]:
        over = {*along(total), *along(one)}
        total = v.new(e, "mul", total, one, axes=[axis for axis in axes if axis in over], shape=e.shape)
    return total


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
    """The negative of the sum, or of the mean."""
    inner = v.through(e.reads[0], "neg", once=True)
    if inner is None:
        return None
    return turned(e, "neg", v.new(e, e.op, *inner.reads, axes=e.axes, shape=e.shape))


RULES: dict[str, Sequence[Rule]] = {
    "sum_over": (sum_of_nothing, sum_of_sum, sum_of_negative, sum_of_product),
    "sum": (sum_of_features, negative_of_features),
    "mean": (negative_of_features,),
}
