"""Move: what is read only at other steps is computed where it is read.

    axis t = 1..T
    axis @
    W : real[n,n] = param() {name: "W"}
    a[t,@] : real[n] = input() {name: "a"}
    ~h.1[t,@] : real[n] = einsum(a[t,@], W) {spec: "i,ij->j"}
    ~h[t,@] : real[n] = add(a[t,@], ~h.1[t+1,@])
    output output:a = ~h

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    W : real[n,n] = param() {name: "W"}
    a[t,@] : real[n] = input() {name: "a"}
    ~h.2[t,@] : real[n] = einsum(a[t+1,@], W) {spec: "i,ij->j"}
    ~h[t,@] : real[n] = add(a[t,@], ~h.2[t,@])
    output output:a = ~h

That is how a textbook writes what comes back from the next step (Goodfellow et al., eq. 10.21). Outside its
steps a temporary is 0, so only products that are 0 there by themselves may move."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from ...spec.records import replace
from ..ir import BATCH, Equation, Position, Read, System, along
from ..operators import TABLE
from .rewriting import Rule, View, dropped, is_plain, rewrite


def move(system: System) -> System:
    """The system with such temporaries moved to their readers."""
    table = system.table()
    fixed = {name for _, name in system.outputs} | {b.name for e in system.equations for b in e.boundaries}
    readers: dict[str, list[Read]] = defaultdict(list)
    for read in (read for equation in system.equations for read in equation.reads):
        readers[read.name].append(read)
    moving = {
        e.name: e
        for e in system.equations
        if e.name not in fixed and re.search(r"\.\d+$", e.name) and _may_move(e, readers[e.name], table)
    }
    return rewrite(system, {"": (_rule(moving),)}) if moving else system


def _may_move(e: Equation, reads: Sequence[Read], table: Mapping[str, Equation]) -> bool:
    """A product that is 0 outside, never read where it stands, at one other step and any number of ends."""
    if "bilinear" not in TABLE[e.op].traits or e.boundaries or any(is_plain(read, e) for read in reads):
        return False
    if dropped(e):
        return False
    sources = [(read, table[read.name]) for read in e.reads]
    moved = [source for read, source in sources if {p.over for p in read.at} & set(e.axes) - {BATCH}]
    still = all(is_plain(read, source) and not source.boundaries for read, source in sources)
    whole = any(set(source.axes) >= set(e.axes) for source in moved)
    return still and whole and sum(any(p.offset and p.over for p in read.at) for read in reads) <= 1


def _rule(moving: Mapping[str, Equation]) -> Rule:
    def moved(e: Equation, v: View) -> Equation | None:
        if not any(read.name in moving for read in e.reads):
            return None
        return replace(e, reads=tuple(_there(e, v, moving, read) for read in e.reads))

    return moved


def _there(e: Equation, v: View, moving: Mapping[str, Equation], read: Read) -> Read:
    """The read of an equation like the one that moves, at the place of its reader."""
    source = moving.get(read.name)
    if source is None:
        return read
    at: dict[str | None, Position] = dict(zip(source.axes, read.at))
    reads = [Read(r.name, tuple(at[p.over] for p in r.at)) for r in source.reads]
    rows = (BATCH,) if any(p.ends for p in read.at) else ()
    axes = tuple(dict.fromkeys((*along(read), *rows)))
    return v.new(e, source.op, *reads, axes=axes, shape=source.shape, **dict(source.attrs))
