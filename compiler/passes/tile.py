"""Tile: pieces padded with zeros and added are one quantity put together from its pieces.

    axis t = 1..T
    axis @
    a[t,@] : real[n] = input() {name: "a"}
    b[t,@] : real[m] = input() {name: "b"}
    c[t,@] : real[m + n] = pad_slice(a[t,@]) {start: <0>, total: <m + n>}
    d[t,@] : real[m + n] = pad_slice(b[t,@]) {start: <n>, total: <m + n>}
    e[t,@] : real[m + n] = add(c[t,@], d[t,@])
    output output:e = e

becomes

    axis t = 1..T
    axis @
    a[t,@] : real[n] = input() {name: "a"}
    b[t,@] : real[m] = input() {name: "b"}
    e[t,@] : real[m + n] = concat(a[t,@], b[t,@])
    output output:e = e

This is what the adjoint of slices looks like: the gradients of gates that were computed together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...spec.records import replace
from ...spec.sizes import Size
from ..ir import Equation, Read, System, plain


def tile(system: System) -> System:
    """The system with every sum of pieces that fill a whole replaced; the same object if there is none."""
    if not any(e.op == "pad_slice" for e in system.equations):
        return system
    table, known = {e.name: e for e in system.equations}, system.table()
    uses = Counter(read.name for e in system.equations for read in e.reads)
    uses.update(name for _, name in system.outputs)
    tiled: dict[str, Equation] = {}
    gone: set[str] = set()
    for equation in reversed(system.equations):
        if equation.op == "add" and equation.name not in gone and len(equation.shape) > 0:
            links, pieces = _pieces(equation, table, uses)
            parts = _in_order(equation, pieces, known) if pieces else None
            if parts is not None:
                tiled[equation.name] = replace(equation, op="concat", reads=parts, attrs=())
                gone |= links
    if not tiled:
        return system
    return system.with_equations(tiled.get(e.name, e) for e in system.equations if e.name not in gone)


def _pieces(
    root: Equation, table: Mapping[str, Equation], uses: Counter[str]
) -> tuple[set[str], list[Equation]]:
    """The padded pieces a sum is made of, and what stands between; no pieces if it has other terms."""
    links: set[str] = set()
    pieces: list[Equation] = []
    work = list(root.reads)
    while work:
        read = work.pop()
        source = table.get(read.name)
        if source is None or uses[read.name] != 1 or read != plain(source) or source.boundaries:
            return set(), []
        if source.op not in ("add", "pad_slice"):
            return set(), []
        links.add(source.name)
        if source.op == "add":
            work += source.reads
        else:
            pieces.append(source)
    return links, pieces


def _in_order(
    root: Equation, pieces: list[Equation], table: Mapping[str, Equation]
) -> tuple[Read, ...] | None:
    """The pieces' operands side by side; None when they overlap or leave a gap."""
    by_start = {piece.attr("start"): piece for piece in pieces}
    place, parts = Size.of(0), list[Read]()
    while place in by_start:
        piece = by_start.pop(place)
        if piece.axes != root.axes:
            return None
        parts.append(piece.reads[0])
        place = place + table[piece.reads[0].name].shape[-1]
    return tuple(parts) if not by_start and place == root.shape[-1] and len(parts) == len(pieces) else None
