"""Merge: products that are added are one product, of matrices side by side with vectors one after the other.

    axis @
    x[@] : real[m] = input() {name: "x"}
    h[@] : real[n] = input() {name: "h"}
    U : real[n,m] = param() {name: "U"}
    W : real[n,n] = param() {name: "W"}
    b : real[n] = param() {name: "b"}
    c : real[n] = param() {name: "c"}
    a.1[@] : real[n] = einsum(U, x[@]) {spec: "ij,j->i"}
    a.2[@] : real[n] = add(a.1[@], b)
    a.3[@] : real[n] = einsum(W, h[@]) {spec: "ij,j->i"}
    a.4[@] : real[n] = add(a.3[@], c)
    a[@] : real[n] = add(a.2[@], a.4[@])
    output output:a = a

becomes, when what nothing reads any more has been dropped,

    axis @
    x[@] : real[m] = input() {name: "x"}
    h[@] : real[n] = input() {name: "h"}
    U : real[n,m] = param() {name: "U"}
    W : real[n,n] = param() {name: "W"}
    b : real[n] = param() {name: "b"}
    c : real[n] = param() {name: "c"}
    a.5 : real[n,m + n] = concat(U, W)
    a.6[@] : real[m + n] = concat(x[@], h[@])
    a.7[@] : real[n] = einsum(a.5, a.6[@]) {spec: "ij,j->i"}
    a.8 : real[n] = add(b, c)
    a[@] : real[n] = add(a.7[@], a.8)
    output output:a = a

What follows from parameters alone is added together as well, and a factor of a product that does so goes into the
matrix. All of that is for parameters that do not change: it is made once, and a step is left with fewer calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import field

from ...spec.records import dataclass
from ..ir import BATCH, Attr, Equation, Read, System, along, fixed
from ..operators import Shape
from .rewriting import View, is_plain, rewrite, turned

PRODUCT = "ij,j->i"
Term = tuple[int, Read]  # the sign, and what is added


def merge(system: System) -> System:
    """The system with fewer, wider products and sums."""
    work = Merging(system)
    return rewrite(system, {"mul": (work.factor,), "add": (work.sum,), "sub": (work.sum,)})


def _part(read: Read, v: View) -> Equation | None:
    """A sum that is read here alone."""
    found = v.through(read, "add", once=True) or v.through(read, "sub", once=True)
    if found is None or found.boundaries or BATCH not in found.axes:
        return None
    return found if found.type == "real" else None


@dataclass(slots=True)
class Merging:
    """``still`` is what follows from parameters alone, what is made here too; ``inner`` are sums that another sum
    reads, and nobody else."""

    system: System
    still: set[str] = field(init=False)
    inner: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.still = set(fixed(self.system.table()))
        view, sums = View(self.system), (e for e in self.system.equations if e.op in ("add", "sub"))
        self.inner = frozenset(r.name for e in sums for r in e.reads if _part(r, view) is not None)

    def factor(self, e: Equation, v: View) -> Equation | None:
        """A factor that follows from parameters goes into the matrix of a product."""
        for one, other in (e.reads, e.reads[::-1]):
            product, factor = self.multiplied(other, v), v.source(one)
            if product is None or one.name not in self.still or not is_plain(one, factor):
                continue
            matrix, vector = product.reads
            source = v.source(matrix)
            if factor.axes in ((), source.axes) and product.axes == e.axes:
                sizes = source.shape[-1:]
                columns = self.new(v, e, "expand", one, axes=factor.axes, shape=source.shape, sizes=sizes)
                scaled = self.new(v, e, "mul", matrix, columns, axes=source.axes, shape=source.shape)
                return turned(e, "einsum", scaled, vector, spec=PRODUCT)
        return None

    def sum(self, e: Equation, v: View) -> Equation | None:
        """The products in a sum together, and what follows from parameters together."""
        if e.name in self.inner or BATCH not in e.axes or e.type != "real":
            return None
        parts = terms_of(e, v)
        groups: dict[object, list[Term]] = defaultdict(list)
        for place, term in enumerate(parts):
            groups[self._kind(term[1], v) or place].append(term)
        if len(groups) == len(parts):
            return None
        together = [self._together(e, group, v) for group in groups.values()]
        *others, (sign, last) = sorted(together, key=lambda term: -term[0])
        if not others:
            return turned(e, "copy", self.signed(e, sign, last, v))
        total = self.signed(e, *self.total(e, others, v), v)
        return turned(e, "add" if sign > 0 else "sub", total, last)

    def multiplied(self, read: Read, v: View) -> Equation | None:
        """A product of a matrix that follows from parameters with a vector that does not, read here alone."""
        found = v.through(read, "einsum", once=True)
        if found is None or found.attr("spec") != PRODUCT or found.boundaries:
            return None
        matrix, vector = found.reads
        whole = matrix.name in self.still and is_plain(matrix, v.source(matrix))
        return found if whole and along(vector)[-1:] == (BATCH,) else None

    def _kind(self, read: Read, v: View) -> object:
        """What terms have in common that can be taken together; None for those that cannot."""
        if read.name in self.still:
            return "still" if is_plain(read, v.source(read)) else None
        product = self.multiplied(read, v)
        return (product.axes, *map(along, product.reads)) if product is not None else None

    def _together(self, e: Equation, group: Sequence[Term], v: View) -> Term:
        """Several terms of one kind as one."""
        found = [product for _, read in group if (product := self.multiplied(read, v)) is not None]
        if len(found) < 2:
            return self.total(e, group, v)
        matrices = [self.signed(e, sign, p.reads[0], v) for (sign, _), p in zip(group, found)]
        sides = [self.concatenated(e, reads, v) for reads in (matrices, [p.reads[1] for p in found])]
        like = found[0]
        return 1, self.new(v, e, "einsum", *sides, axes=like.axes, shape=like.shape, spec=PRODUCT)

    def concatenated(self, e: Equation, reads: Sequence[Read], v: View) -> Read:
        """One after the other along the last size."""
        sources = [v.source(read) for read in reads]
        size = sources[0].shape[-1]
        for source in sources[1:]:
            size = size + source.shape[-1]
        shape, found = (*sources[0].shape[:-1], size), {axis for read in reads for axis in along(read)}
        axes = tuple(axis for axis in e.axes if axis in found)
        return self.new(v, e, "concat", *reads, axes=axes, shape=shape)

    def total(self, e: Equation, terms: Sequence[Term], v: View) -> Term:
        """The sum of some terms, and its sign: those with a positive one come first."""
        (lead, total), *rest = sorted(terms, key=lambda term: -term[0])
        for sign, read in rest:
            found = {*along(total), *along(read)}
            axes = tuple(axis for axis in e.axes if axis in found)
            total = self.new(v, e, "add" if sign == lead else "sub", total, read, axes=axes, shape=e.shape)
        return lead, total

    def signed(self, e: Equation, sign: int, read: Read, v: View) -> Read:
        source = v.source(read)
        if sign > 0:
            return read
        return self.new(v, e, "neg", read, axes=along(read), shape=source.shape)

    def new(
        self,
        v: View,
        like: Equation,
        op: str,
        *reads: Read,
        axes: tuple[str, ...],
        shape: Shape,
        **statics: Attr,
    ) -> Read:
        """A further equation; it is known whether it follows from parameters alone."""
        made = v.new(like, op, *reads, axes=axes, shape=shape, **statics)
        if all(read.name in self.still for read in reads):
            self.still.add(made.name)
        return made


def terms_of(e: Equation, v: View) -> list[Term]:
    """What a sum of sums adds, in order, with signs."""
    found = list[Term]()
    work: list[tuple[int, Equation | Read]] = [(1, e)]
    while work:
        sign, total = work.pop()
        if isinstance(total, Read):
            found.append((sign, total))
            continue
        signs = (sign, -sign if total.op == "sub" else sign)
        parts = [(own, _part(read, v) or read) for own, read in zip(signs, total.reads)]
        work += reversed(parts)
    return found
