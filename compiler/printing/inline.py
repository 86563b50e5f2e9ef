"""Which equations are printed inside their reader, and the nodes that are scheduled as one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

from ..ir import BATCH, Equation, Read, System, here, worked_along
from ..operators import TABLE
from ..schedule import Node
from .layout import pooled_axes

NUMBERS = frozenset({"number", "dim", "length", "extent", "index", "elapsed", "position", "count"})
BOUND = frozenset({"param"})  # variables from the start
DEEPEST = 40  # what nests deeper gets a statement of its own
_TEMPORARY = re.compile(r"\.\d+$")


def is_temporary(name: str) -> bool:
    """Whether the compiler made the name (`h.3`, `~h.3`)."""
    return bool(_TEMPORARY.search(name))


def is_leaf(equation: Equation) -> bool:
    """Whether the caller gives the value, as an array."""
    return "leaf" in TABLE[equation.op].traits and equation.op not in NUMBERS


def numbers(systems: Iterable[System]) -> frozenset[str]:
    """Numbers that are printed wherever they are read; not those that something wants as an array, above all none
    that is a boundary: past its own end it must be made right."""
    systems = tuple(systems)
    equations = [e for s in systems for e in s.equations if not e.boundaries]
    found = {e.name for e in equations if e.op in NUMBERS}
    repeated = (e for e in equations if e.op == "expand" and is_temporary(e.name) and not e.axes)
    found |= {e.name for e in repeated if e.reads[0].name in found}
    for system in systems:
        table = system.table()
        reads = (read for e in system.equations for read in e.reads)
        found -= {read.name for read in reads if not in_place(table[read.name], read)}
        found -= {name for _, name in system.outputs}
        found -= {boundary.name for e in system.equations for boundary in e.boundaries}
    return frozenset(found)


def textbook_inlined(systems: Iterable[System], kept: Collection[str]) -> frozenset[str]:
    """Temporaries read once, in place: a statement then has one whole equation of the spec.

    What needs the whole of a time axis stands alone, because its reader may sit in a loop along that axis."""
    systems = tuple(systems)
    uses = Counter(read.name for s in systems for e in s.equations for read in e.reads)
    uses.update(name for s in systems for e in s.equations for b in e.boundaries for name in 2 * [b.name])
    uses.update(name for s in systems for _, name in s.outputs for _ in range(2))
    chosen: set[str] = set()
    depth: Counter[str] = Counter()
    for system in systems:
        table = system.table()
        times = {axis.index for axis in system.axes if axis.length}
        for reader in system.equations:
            for read in reader.reads:
                if uses[read.name] != 1 or read.name in kept or not is_temporary(read.name):
                    continue
                source = table[read.name]
                pools = worked_along(source) or any(pooled_axes(source, r, times) for r in source.reads)
                leaf = "leaf" in TABLE[source.op].traits
                plain = in_place(source, read) and not (pools or leaf or source.boundaries)
                if plain and depth[read.name] < DEEPEST:
                    chosen.add(read.name)
                    depth[reader.name] = max(depth[reader.name], depth[read.name] + 1)
    return numbers(systems) | chosen


def final_copies(system: System, kept: Collection[str]) -> frozenset[str]:
    """Final states that are copies of what is kept of every step: nothing computes with them, so they are taken
    where the caller is given them."""
    named = Counter(name for _, name in system.outputs)
    states = {name for key, name in system.outputs if key.startswith("state:") and named[name] == 1}
    states -= {read.name for e in system.equations for read in e.reads}
    copies = (e for e in system.equations if e.name in states and e.op == "copy" and e.axes == (BATCH,))
    return frozenset(e.name for e in copies if e.reads[0].name in kept)


def in_place(source: Equation, read: Read) -> bool:
    """A read at the reader's own indices."""
    return read.at == here(source.axes)


def nodes(system: System, inlined: Collection[str]) -> tuple[Node, ...]:
    """The equations of a system as nodes."""
    table = {equation.name: equation for equation in system.equations}
    return tuple(
        Node(equation.name, (*_inside(equation, table, inlined), equation))
        for equation in system.equations
        if equation.name not in inlined and equation.op not in BOUND
    )


def _inside(root: Equation, table: dict[str, Equation], inlined: Collection[str]) -> tuple[Equation, ...]:
    """The equations printed inside ``root``, inner ones first."""
    found: list[Equation] = []
    work = [read.name for read in root.reads]
    while work:
        name = work.pop()
        if name in inlined and name in table:
            found.append(table[name])
            work += [read.name for read in table[name].reads]
    return tuple(reversed(found))
