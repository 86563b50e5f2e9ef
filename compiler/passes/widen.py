"""Widen: the products that a recurrence adds at every step, and what it adds of parameters, are one wider product.

    axis t = 1..T
    axis g = 1..2
    axis @
    x[t,@] : real[2] = input() {name: "x"}
    U[g] : real[4,4] = param() {name: "U"}
    W[g] : real[4,2] = param() {name: "W"}
    b[g] : real[4] = param() {name: "b"}
    a.1[g,t,@] : real[4] = einsum(W[g], x[t,@]) {spec: "ij,j->i"}
    a.2[g,t,@] : real[4] = add(b[g], a.1[g,t,@])
    a.3[g,t,@] : real[4] = einsum(U[g], h[t-1,@]) {spec: "ij,j->i"}
    a[g,t,@] : real[4] = add(a.2[g,t,@], a.3[g,t,@])
    s[g,t,@] : real[4] = tanh(a[g,t,@])
    h[t,@] : real[4] = mul(s[1,t,@], s[2,t,@])
    output output:h = h

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis g = 1..2
    axis @
    x[t,@] : real[2] = input() {name: "x"}
    U[g] : real[4,4] = param() {name: "U"}
    W[g] : real[4,2] = param() {name: "W"}
    b[g] : real[4] = param() {name: "b"}
    a.4[g] : real[4,1] = expand(b[g]) {sizes: (<1>)}
    a.5 : real = number() {value: 1.0}
    a.6 : real[1] = expand(a.5) {sizes: (<1>)}
    a.7[g] : real[4,7] = concat(U[g], W[g], a.4[g])
    a.8[t,@] : real[7] = concat(h[t-1,@], x[t,@], a.6)
    a[g,t,@] : real[4] = einsum(a.7[g], a.8[t,@]) {spec: "ij,j->i"}
    s[g,t,@] : real[4] = tanh(a[g,t,@])
    h[t,@] : real[4] = mul(s[1,t,@], s[2,t,@])
    output output:h = h

For gates that are joined: what their inputs come to for all steps is a large array, whose steps do not lie side by
side, so that adding one takes longer than copying the state beside its input. Where inputs are wide the large product
is worth more: they may be half as wide as what the recurrence multiplies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from ...spec.records import dataclass
from ...spec.sizes import Size
from ..ir import Equation, Read, System, along
from ..schedule import cycles_of
from .merge import PRODUCT, Merging, Term, terms_of
from .rewriting import View, is_plain, rewrite, turned

ONE = Size.of(1)


def widen(system: System) -> System:
    """The system with such sums as products; the same object when there is none."""
    if not any(axis.size is not None and not axis.length for axis in system.axes) or not cycles_of(system):
        return system
    return rewrite(system, dict.fromkeys(("add", "sub"), (_Widening(system).product,)))


@dataclass(slots=True)
class _Widening(Merging):
    cycles: Mapping[str, int] = field(init=False)
    dims: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        Merging.__post_init__(self)
        self.cycles, self.dims = cycles_of(self.system), dict(self.system.dims)

    def product(self, e: Equation, v: View) -> Equation | None:
        """A sum on a cycle, if products and what follows from parameters are all its terms."""
        if e.name in self.inner or e.name not in self.cycles or len(e.shape) != 1:
            return None
        products, rest = list[tuple[int, Equation]](), list[Term]()
        for sign, read in terms_of(e, v):
            found = self.multiplied(read, v)
            if found is None:
                rest.append((sign, read))
            else:
                products.append((sign, found))
        products.sort(key=lambda one: not self._is_inside(e, one[1]))
        still = all(read.name in self.still and is_plain(read, v.source(read)) for _, read in rest)
        if len(products) < 2 or not still or not self._pays(e, [p for _, p in products], v):
            return None
        matrices = [self.signed(e, sign, p.reads[0], v) for sign, p in products]
        vectors = [p.reads[1] for _, p in products]
        if rest:
            column = self.signed(e, *self.total(e, rest, v), v)
            matrices.append(self._beside(e, column, v))
            vectors.append(self._beside(e, v.new(e, "number", value=1.0), v))
        return turned(
            e, "einsum", self.concatenated(e, matrices, v), self.concatenated(e, vectors, v), spec=PRODUCT
        )

    def _is_inside(self, e: Equation, product: Equation) -> bool:
        """Whether what a matrix is multiplied with is on the cycle of the sum."""
        return self.cycles.get(product.reads[1].name) == self.cycles[e.name]

    def _pays(self, e: Equation, products: Sequence[Equation], v: View) -> bool:
        """Whether these are joined gates, and what comes from outside the cycle is narrow."""
        joined = {axis.index for axis in self.system.axes if axis.size is not None and not axis.length}
        if joined.isdisjoint(e.axes):
            return False
        inside = outside = Size.of(0)
        for product in products:
            width = v.source(product.reads[1]).shape[0]
            if self._is_inside(e, product):
                inside = inside + width
            else:
                outside = outside + width
        known = {*inside.dims, *outside.dims} <= self.dims.keys()
        return known and 2 * outside.value(self.dims) <= inside.value(self.dims)

    def _beside(self, e: Equation, column: Read, v: View) -> Read:
        """A vector as a matrix of one column; a number as a vector of one component."""
        shape = (*v.source(column).shape, ONE)
        return self.new(v, e, "expand", column, axes=along(column), shape=shape, sizes=(ONE,))
