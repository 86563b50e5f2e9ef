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

from ..ir import BATCH, Equation, Read, System, along, fixed
from .rewriting import Rule, View, is_plain, rewrite, turned

PRODUCT = "ij,j->i"
Term = tuple[int, Read]  # the sign, and what is added


def merge(system: System) -> System:
    """The system with fewer, wider products and sums."""
    still = fixed(system.table())
    inner = _inner(system)
    return rewrite(
        system, {"mul": (_factor(still),), "add": (_sum(still, inner),), "sub": (_sum(still, inner),)}
    )


def _inner(system: System) -> frozenset[str]:
    """Sums that another sum reads, and nobody else."""
    view, sums = View(system), (e for e in system.equations if e.op in ("add", "sub"))
    return frozenset(read.name for e in sums for read in e.reads if _part(read, view) is not None)


def _part(read: Read, v: View) -> Equation | None:
    """A sum that is read here alone."""
    found = v.through(read, "add", once=True) or v.through(read, "sub", once=True)
    if found is None or found.boundaries or BATCH not in found.axes:
        return None
    return found if found.type == "real" else None


def _factor(still: frozenset[str]) -> Rule:
    """A factor that follows from parameters goes into the matrix of a product."""

    def rule(e: Equation, v: View) -> Equation | None:
        for one, other in (e.reads, e.reads[::-1]):
            product, factor = _product(other, v, still), v.source(one)
            if product is None or one.name not in still or not factor.shape or not is_plain(one, factor):
                continue
            matrix, vector = product.reads
            source = v.source(matrix)
            if factor.axes not in ((), source.axes) or product.axes != e.axes:
                continue
            columns = v.new(e, "expand", one, axes=factor.axes, shape=source.shape, sizes=source.shape[-1:])
            scaled = v.new(e, "mul", matrix, columns, axes=source.axes, shape=source.shape)
            return turned(e, "einsum", scaled, vector, spec=PRODUCT)
        return None

    return rule


def _product(read: Read, v: View, still: frozenset[str]) -> Equation | None:
    """A product of a matrix that follows from parameters with a vector that does not, read here alone."""
    found = v.through(read, "einsum", once=True)
    if found is None or found.attr("spec") != PRODUCT or found.boundaries:
        return None
    matrix, vector = found.reads
    whole = matrix.name in still and is_plain(matrix, v.source(matrix))
    return found if whole and along(vector)[-1:] == (BATCH,) else None


def _sum(still: frozenset[str], inner: frozenset[str]) -> Rule:
    """The products in a sum together, and what follows from parameters together."""

    def rule(e: Equation, v: View) -> Equation | None:
        if e.name in inner or BATCH not in e.axes or e.type != "real":
            return None
        terms = _terms(e, v)
        groups: dict[object, list[Term]] = defaultdict(list)
        for sign, read in terms:
            groups[_kind(read, v, still) or read, sign if read.name in still else 0].append((sign, read))
        together = [_together(e, group, v, still) for group in groups.values()]
        return _added(e, together, v) if len(together) < len(terms) else None

    return rule


def _terms(e: Equation, v: View) -> list[Term]:
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


def _kind(read: Read, v: View, still: frozenset[str]) -> object:
    """What terms have in common that can be taken together; None for those that cannot."""
    if read.name in still:
        return "still" if is_plain(read, v.source(read)) else None
    product = _product(read, v, still)
    if product is None:
        return None
    matrix, vector = product.reads
    return product.axes, along(matrix), along(vector)


def _together(e: Equation, group: Sequence[Term], v: View, still: frozenset[str]) -> Term:
    """Several terms of one kind as one."""
    if len(group) == 1:
        return group[0]
    if group[0][1].name in still:
        return group[0][0], _total(e, [read for _, read in group], v)
    products = [_product(read, v, still) for _, read in group]
    found = [product for product in products if product is not None]
    matrices = [_signed(e, sign, product.reads[0], v) for (sign, _), product in zip(group, found)]
    sides = [_concatenated(e, reads, v) for reads in (matrices, [product.reads[1] for product in found])]
    return 1, v.new(e, "einsum", *sides, axes=found[0].axes, shape=found[0].shape, spec=PRODUCT)


def _signed(e: Equation, sign: int, read: Read, v: View) -> Read:
    source = v.source(read)
    return read if sign > 0 else v.new(e, "neg", read, axes=source.axes, shape=source.shape)


def _concatenated(e: Equation, reads: Sequence[Read], v: View) -> Read:
    """One after the other along the last size."""
    sources = [v.source(read) for read in reads]
    size = sources[0].shape[-1]
    for source in sources[1:]:
        size = size + source.shape[-1]
    return v.new(e, "concat", *reads, axes=along(reads[0]), shape=(*sources[0].shape[:-1], size))


def _total(e: Equation, reads: Sequence[Read], v: View) -> Read:
    """The sum of what follows from parameters."""
    total = reads[0]
    for read in reads[1:]:
        found = {*v.source(total).axes, *v.source(read).axes}
        axes = tuple(axis for axis in e.axes if axis in found)
        total = v.new(e, "add", total, read, axes=axes, shape=e.shape)
    return total


def _added(e: Equation, terms: Sequence[Term], v: View) -> Equation:
    """The sum of the terms, one with a positive sign first where there is one."""
    (sign, total), *rest = sorted(terms, key=lambda term: -term[0])
    total = _signed(e, sign, total, v)
    for place, (sign, read) in enumerate(rest):
        op = "add" if sign > 0 else "sub"
        if place == len(rest) - 1:
            return turned(e, op, total, read)
        found = {*v.source(total).axes, *v.source(read).axes}
        axes = tuple(axis for axis in e.axes if axis in found)
        total = v.new(e, op, total, read, axes=axes, shape=e.shape)
    return turned(e, "copy", total)
