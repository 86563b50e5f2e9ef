"""Center: taking the mean away from a product is a product with a matrix from whose columns it was taken.

    axis t = 1..T
    axis @
    x[t,@] : real[m] = input() {name: "x"}
    W : real[n,m] = param() {name: "W"}
    a[t,@] : real[n] = einsum(W, x[t,@]) {spec: "ij,j->i"}
    b[t,@] : real = mean(a[t,@])
    d[t,@] : real[n] = expand(b[t,@]) {sizes: (<n>)}
    c[t,@] : real[n] = sub(a[t,@], d[t,@])
    output output:c = c

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    x[t,@] : real[m] = input() {name: "x"}
    W : real[n,m] = param() {name: "W"}
    c.1 : real[n,m] = centered(W)
    c[t,@] : real[n] = einsum(c.1, x[t,@]) {spec: "ij,j->i"}
    output output:c = c

So a layer normalisation of weighted inputs costs a step its division alone: the matrices are centered once in a
call. Sums of such products likewise, each with its own matrix; biases lose their mean."""

from __future__ import annotations

from collections.abc import Container

from ..ir import BATCH, Equation, Read, System, plain
from .rewriting import View, is_plain, rewrite, turned

PRODUCT = "ij,j->i"


def center(system: System) -> System:
    """The system with the means of products taken from their matrices."""
    fixed = {axis.index for axis in system.axes if axis.size is not None}
    return rewrite(system, {"sub": (lambda e, v: centered(e, v, fixed),)})


def centered(e: Equation, v: View, fixed: Container[str]) -> Equation | None:
    """``a - mean(a)`` where a is a sum of products with matrices that are the same at every step, and of
    vectors that are."""
    whole, spread = e.reads
    mean = v.through(spread, "expand")
    mean = v.through(mean.reads[0], "mean") if mean is not None else None
    if mean is None or mean.reads != (whole,) or not is_plain(whole, v.source(whole)):
        return None
    terms = _terms(whole, v, fixed)
    if terms is None or all(BATCH not in v.source(term).axes for term in terms):
        return None
    made = [_centered(e, v.source(term), v) for term in terms]
    total = made[0]
    for term in made[1:-1]:
        total = v.new(e, "add", total, term, axes=e.axes, shape=e.shape)
    if len(made) > 1:
        return turned(e, "add", total, made[-1])
    return turned(e, "copy", total)


def _terms(read: Read, v: View, fixed: Container[str]) -> list[Read] | None:
    """The products and the vectors that a quantity is the sum of; None when something else is in it."""
    found = v.source(read)
    if not is_plain(read, found) or found.boundaries or not v.knows(found):
        return None
    if all(axis in fixed for axis in found.axes):
        return [read]
    if found.op == "add":
        left, right = (_terms(one, v, fixed) for one in found.reads)
        return None if left is None or right is None else left + right
    if found.op != "einsum" or found.attr("spec") != PRODUCT:
        return None
    matrix = v.source(found.reads[0])
    still = all(axis in fixed for axis in matrix.axes) and is_plain(found.reads[0], matrix)
    return [read] if still else None


def _centered(e: Equation, term: Equation, v: View) -> Read:
    """The product with the centered matrix; the vector less its mean."""
    if term.op == "einsum" and term.attr("spec") == PRODUCT and BATCH in term.axes:
        matrix, vector = term.reads
        source = v.source(matrix)
        weights = v.new(e, "centered", matrix, axes=source.axes, shape=source.shape)
        return v.new(e, "einsum", weights, vector, axes=term.axes, shape=term.shape, spec=PRODUCT)
    mean = v.new(e, "mean", plain(term), axes=term.axes)
    means = v.new(e, "expand", mean, axes=term.axes, shape=term.shape, sizes=term.shape)
    return v.new(e, "sub", plain(term), means, axes=term.axes, shape=term.shape)
