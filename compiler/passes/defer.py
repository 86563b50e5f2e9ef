"""Defer: a product that a loop reads some steps later only is computed there, of what it is a product of.

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    W : real[n,n] = param() {name: "W"}
    d[t,@] : real[n] = add(x[t,@], q[t+3,@])
    q[t,@] : real[n] = einsum(d[t,@], W) {spec: "i,ij->j"}
    output output:d = d

becomes

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    W : real[n,n] = param() {name: "W"}
    q.1[t,@] : real[n] = einsum(d[t+3,@], W) {spec: "i,ij->j"}
    d[t,@] : real[n] = add(x[t,@], q.1[t,@])
    q[t,@] : real[n] = einsum(d[t,@], W) {spec: "i,ij->j"}
    output output:d = d

(and q goes, for nobody reads it). What flows back along h[t-3] is such a product. Its factor is kept in any case, for
the gradient of the weights; of the product no step is kept then. One step later (h[t-1]) it is in its buffer still."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ...spec.records import replace
from ..ir import Equation, Position, Read, System, here
from ..schedule import cycles_of
from .rewriting import View

Reads = Sequence[tuple[Equation, Read]]


def defer(system: System) -> System:
    """The system with such products; the same object when there are none."""
    cycles, view = cycles_of(system), View(system)
    readers: dict[str, list[tuple[Equation, Read]]] = defaultdict(list)
    for e in system.equations:
        for read in e.reads:
            readers[read.name].append((e, read))
    barred = {name for _, name in system.outputs} | {b.name for e in system.equations for b in e.boundaries}
    made: dict[tuple[str, tuple[Position, ...]], Read] = {}
    for q in system.equations:
        factor = _factor(q, view, cycles) if q.op == "einsum" and q.name not in barred else None
        if factor is not None and _is_later(q, readers[q.name], cycles):
            for _, read in readers[q.name]:
                if (q.name, read.at) not in made:
                    made[q.name, read.at] = _product(q, factor, read, view)
    if not made:
        return system
    new = {read.name: view.table[read.name] for read in made.values()}
    equations: list[Equation] = []
    for e in system.equations:
        reads = tuple(made.get((read.name, read.at), read) for read in e.reads)
        equations += [new.pop(read.name) for read in reads if read.name in new]
        equations.append(e if reads == e.reads else replace(e, reads=reads))
    return system.with_equations(equations)


def _factor(q: Equation, view: View, cycles: Mapping[str, int]) -> Read | None:
    """Of a product on a cycle, the factor that lies on it; the others are the same at every step. Outside their
    steps both are 0."""
    if q.boundaries or q.name not in cycles or q.type != "real":
        return None
    moving = [read for read in q.reads if cycles.get(read.name) == cycles[q.name]]
    rest = [read for read in q.reads if read not in moving]
    if len(moving) != 1 or any(view.source(read).axes for read in rest):
        return None
    source = view.source(moving[0])
    own = moving[0].at == here(source.axes) and {*q.axes} <= {*source.axes}
    return moving[0] if own and not source.boundaries else None


def _is_later(q: Equation, reads: Reads, cycles: Mapping[str, int]) -> bool:
    """Whether the loop reads it at one distance, and it would have to be kept until then: two steps or more, or
    because what was before the first step wants several."""
    inside = {read.at for e, read in reads if cycles.get(e.name) == cycles[q.name]}
    outside = [p for e, read in reads if cycles.get(e.name) != cycles[q.name] for p in read.at]
    if len(inside) != 1:
        return False
    moved = [(axis, p) for axis, p in zip(q.axes, *inside) if p != Position(axis)]
    if len(moved) != 1:
        return False
    ((axis, place),) = moved
    several = any(p.over not in (None, *q.axes) for p in outside)
    return place.over == axis and not place.ends and (abs(place.offset) > 1 or several)


def _product(q: Equation, factor: Read, read: Read, view: View) -> Read:
    """The product where it is read."""
    source = view.source(factor)
    places = dict(zip(q.axes, read.at, strict=True))
    moved = Read(factor.name, tuple(places.get(axis, Position(axis)) for axis in source.axes))
    reads = (moved if each == factor else each for each in q.reads)
    axes = tuple(p.over for p in read.at if p.over is not None)
    return view.new(q, q.op, *reads, axes=axes, shape=q.shape, **dict(q.attrs))
