"""Regroup: what a recurrence adds (or multiplies) at every step is gathered outside the recurrence.

    a[t,@] : real[n] = add(b, u[t,@])
    c[t,@] : real[n] = einsum(W, h[t-1,@]) {spec: "ij,j->i"}
    d[t,@] : real[n] = add(c[t,@], a[t,@])

A chain of one associative operator is taken apart into its terms; those on the cycle of dependences come
last, the others are combined first, and so can be computed for all steps at once. Needs to know
which equations lie on a cycle, and nothing else of the schedule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from ..ir import BATCH, Equation, Read, System, plain
from ..operators import TABLE
from ..schedule import cycles_of
from .rewriting import fresh_name


def regroup(system: System) -> System:
    """The system with every chain on a cycle regrouped; the same object when nothing changed."""
    cycles = cycles_of(system)
    if not cycles:
        return system
    table = {e.name: e for e in system.equations}
    known = system.table()
    uses = _uses(system)
    inner = {r.name for e in table.values() for r in e.reads if _continues(e, r, table, uses, cycles)}
    rebuilt: dict[str, list[Equation]] = {}
    for equation in table.values():
        if equation.name in cycles and equation.name not in inner and _associative(equation):
            rebuilt.update(_Chain(equation, table, known, uses, cycles).rebuild())
    if not rebuilt:
        return system
    return system.with_equations(e for old in system.equations for e in rebuilt.get(old.name, [old]))


def _associative(equation: Equation) -> bool:
    return "associative" in TABLE[equation.op].traits


def _uses(system: System) -> Counter[str]:
    uses = Counter(read.name for e in system.equations for read in e.reads)
    uses.update(boundary.name for e in system.equations for boundary in e.boundaries)
    uses.update(name for _, name in system.outputs)
    return uses


def _continues(
    reader: Equation, read: Read, table: Mapping[str, Equation], uses: Counter[str], cycles: Mapping[str, int]
) -> bool:
    """Whether an operand is a link of its reader's chain: the same operator, for this reader alone."""
    source = table.get(read.name)
    return (
        source is not None
        and source.op == reader.op
        and _associative(source)
        and uses[source.name] == 1
        and not source.boundaries
        and source.axes == reader.axes
        and read == plain(source)
        and cycles.get(source.name) == cycles.get(reader.name)
    )


class _Chain:
    """One chain, from its last link."""

    def __init__(
        self,
        root: Equation,
        table: Mapping[str, Equation],
        known: dict[str, Equation],
        uses: Counter[str],
        cycles: Mapping[str, int],
    ) -> None:
        self.root, self.known = root, known
        self.links: list[str] = []
        self.made: list[Equation] = []
        self.terms: list[Read] = []
        work = [*reversed(root.reads)]
        while work:
            read = work.pop()
            if _continues(root, read, table, uses, cycles):
                self.links.append(read.name)
                work += reversed(table[read.name].reads)
            else:
                self.terms.append(read)
        own = cycles[root.name]
        self.carried = [read for read in self.terms if cycles.get(read.name) == own]
        self.free = [read for read in self.terms if cycles.get(read.name) != own]

    def rebuild(self) -> dict[str, list[Equation]]:
        """Free terms first, combined; then one link for each carried term. What stands in the place of each
        old equation; nothing when nothing moves."""
        if len(self.free) < 2 or not self.carried:
            return {}
        ordered = sorted(self.free, key=lambda read: len(self.known[read.name].axes))
        sum_of: Read = ordered[0]
        for read in ordered[1:]:
            sum_of = self._link(sum_of, read, carried=False)
        for read in self.carried[:-1]:
            sum_of = self._link(sum_of, read, carried=True)
        root = replace(self.root, reads=(sum_of, self.carried[-1]))
        return {**{name: [] for name in self.links}, root.name: [*self.made, root]}

    def _link(self, left: Read, right: Read, carried: bool) -> Read:
        axes = tuple(a for a in self.root.axes if a in self._axes(left) or a in self._axes(right))
        if not carried:  # on no cycle any order will do: that of an operand lets it be made in its place
            orders = self.known[left.name].axes, self.known[right.name].axes
            axes = next((order for order in orders if set(order) == set(axes)), axes)
        name = fresh_name(self.root.name, self.known)
        link = replace(self.root, name=name, axes=axes, reads=(left, right), boundaries=())
        self.known[link.name] = link
        self.made.append(link)
        return plain(link)

    def _axes(self, read: Read) -> tuple[str, ...]:
        """The axes of the reader that an operand runs along."""
        over = tuple(p.over for p in read.at if p.over is not None)
        return (*over, BATCH) if any(p.ends for p in read.at) else over
