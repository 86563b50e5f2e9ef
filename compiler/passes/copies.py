"""Copies: who reads a copy reads the original; a copy's own temporary takes the copy's name.

    axis t = 1..T
    axis @
    x[t,@] : real = input() {name: "x"}
    a[t,@] : real = copy(x[t-1,@])
    b.1[t,@] : real = exp(a[t,@])
    b[t,@] : real = copy(b.1[t,@])
    c[t,@] : real = add(b[t,@], a[t-1,@])
    output output:c = c

becomes

    axis t = 1..T
    axis @
    x[t,@] : real = input() {name: "x"}
    a[t,@] : real = copy(x[t-1,@])
    b[t,@] : real = exp(x[t-1,@])
    c[t,@] : real = add(b[t,@], a[t-1,@])
    output output:c = c

A copy read elsewhere than where the reader stands may be outside where the original is not, so it stays
unless both are the same outside as well. A copy of a fixed place (`h[T]`), used more than once, stays,
and so does a step with a name (`x_2`, which is `x[2]`)."""

from __future__ import annotations

import re

from ...spec.records import replace
from ..ir import Boundary, Equation, Position, Read, System, along, here, rename
from .rewriting import is_fixed, is_plain, uses


def drop_copies(system: System) -> System:
    """The system with no copy read that need not be."""
    if not any(equation.op == "copy" for equation in system.equations):
        return system
    adopted = _adopt(system)
    table, count = adopted.table(), uses(adopted)
    copies = {e.name: e for e in adopted.equations if e.op == "copy" and _worth(e, count[e.name])}
    result: list[Equation] = []
    for equation in adopted.equations:
        changed = _redirected(equation, copies, table)
        if changed is not equation and changed.name in copies:
            copies[changed.name] = changed  # so that a chain of copies is followed once, not by each of them
        result.append(changed)
    return system if tuple(result) == system.equations else adopted.with_equations(result)


# ------------------------------------------------------------------- temporaries take the copy's name


def _adopt(system: System) -> System:
    """q = copy(q.1[…]) of a temporary made for q: the temporary's equation becomes q's."""
    copies = [e for e in system.equations if e.op == "copy" and _is_temporary(e.reads[0].name, e.name)]
    if not copies:
        return system
    own = {equation.name: equation for equation in system.equations}
    kept = {name for _, name in system.outputs} | {b.name for e in system.equations for b in e.boundaries}
    readers: dict[str, list[Read]] = {copy.reads[0].name: [] for copy in copies}
    for read in (read for equation in system.equations for read in equation.reads):
        if read.name in readers:
            readers[read.name].append(read)
    names: dict[str, str] = {}
    busy = set[str]()
    for copy in copies:
        source = own.get(copy.reads[0].name)
        if source is None or source.name in kept or {copy.name, source.name} & busy:
            continue  # a chain of copies goes link by link, a link each time
        if _made_for(copy, source, readers[source.name]):
            names[source.name] = copy.name
            busy |= {copy.name, source.name}
    if not names:
        return system
    gone = set(names.values())
    return system.with_equations(_adopted(e, names, own) for e in system.equations if e.name not in gone)


def _adopted(equation: Equation, names: dict[str, str], own: dict[str, Equation]) -> Equation:
    """The equation under the copy's name, if it is a temporary that goes; its reads likewise."""
    if equation.name in names:
        copy = own[names[equation.name]]
        equation = replace(equation, name=copy.name, boundaries=copy.boundaries, origin=copy.origin)
    if not any(read.name in names for read in equation.reads):
        return equation
    return replace(equation, reads=tuple(rename(read, names) for read in equation.reads))


def _is_temporary(name: str, owner: str) -> bool:
    """Whether a name is that of a temporary made for the owner."""
    return re.fullmatch(r"(\.\d+)+", name.removeprefix(owner)) is not None


def _made_for(copy: Equation, source: Equation, readers: list[Read]) -> bool:
    """Whether the source has the copy's value wherever it is read."""
    alike = source.axes == copy.axes and is_plain(copy.reads[0], source) and not source.boundaries
    inside = not copy.boundaries or all(is_plain(read, source) for read in readers)
    return alike and inside


# ------------------------------------------------------------------------- readers read the original


def _worth(copy: Equation, count: int) -> bool:
    """Whether its readers may as well read the original."""
    named = not re.search(r"\.\d+$", copy.name)
    at = copy.reads[0].at
    return not any(is_fixed(p) and (count > 1 or (named and not p.ends)) for p in at)


def _redirected(equation: Equation, copies: dict[str, Equation], table: dict[str, Equation]) -> Equation:
    if copies.keys().isdisjoint(equation.sources()):
        return equation
    reads = tuple(_original(read, equation, copies, table) for read in equation.reads)
    boundaries = tuple(_original_boundary(b, copies, table) for b in equation.boundaries)
    if reads == equation.reads and boundaries == equation.boundaries:
        return equation
    return replace(equation, reads=reads, boundaries=boundaries)


def _original(read: Read, reader: Equation, copies: dict[str, Equation], table: dict[str, Equation]) -> Read:
    """The read of what was copied, when that means the same; else the read."""
    seen: list[str] = []
    while read.name in copies and read.name not in seen:
        seen.append(read.name)
        copy = copies[read.name]
        original = copy.reads[0]
        if not is_plain(read, copy) and not _same_outside(copy, table[original.name]):
            break
        at = dict(zip(copy.axes, read.at))
        composed = replace(
            original, at=tuple(at.get(p.over or "", p) if _stays(p) else p for p in original.at)
        )
        if _needs(reader, set(along(read)) - set(along(composed))):
            break
        read = composed
    return read


def _needs(reader: Equation, lost: set[str]) -> bool:
    """Whether the reader reduces, or works along, an axis that the original lacks."""
    return dict(reader.attrs).get("axis") in lost or not lost <= set(reader.axes)


def _stays(position: Position) -> bool:
    return position.over is not None and position == Position(position.over)


def _same_outside(copy: Equation, source: Equation) -> bool:
    """Whether copy and original are 0 at the same places outside."""
    return (
        is_plain(copy.reads[0], source)
        and copy.axes == source.axes
        and not (copy.boundaries or source.boundaries)
    )


def _original_boundary(
    boundary: Boundary, copies: dict[str, Equation], table: dict[str, Equation]
) -> Boundary:
    """The boundary by what was copied, when that is the same past the ends of the axes it has, too: at corners."""
    copy = copies.get(boundary.name)
    if copy is None:
        return boundary
    source = table[copy.reads[0].name]
    plain = source.axes == copy.axes and copy.reads[0].at == here(copy.axes)
    same = plain and copy.boundaries == source.boundaries
    return replace(boundary, name=source.name) if same else boundary
