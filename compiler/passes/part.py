"""Part: the weights' gradients of members that lie side by side elsewhere are a product with those alone.

    axis t = 1..T
    axis g2 = 1..2
    axis g3 = 1..3
    axis @
    a[t,g3,@] : real[n] = input() {name: "a"}
    b[t,@] : real[n] = input() {name: "b"}
    x[t,@] : real[m] = input() {name: "x"}
    s[g3,t,@] : real[n] = stack(a[t,2,@], a[t,3,@], b[t,@]) {axis: "g3"}
    w[g3] : real[n,m] = einsum(s[g3,t,@], x[t,@]) {spec: "i,j->ij"}
    u : real[n,m] = copy(w[2])
    v : real[n,m] = copy(w[3])
    output grad:u = u
    output grad:v = v

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis g2 = 1..2
    axis g3 = 1..3
    axis @
    a[t,g3,@] : real[n] = input() {name: "a"}
    b[t,@] : real[n] = input() {name: "b"}
    x[t,@] : real[m] = input() {name: "x"}
    u : real[n,m] = copy(w.1[2])
    v : real[n,m] = copy(w.2)
    w.1[g2] : real[n,m] = einsum(a[t,g2+1,@], x[t,@]) {spec: "i,j->ij"}
    w.2 : real[n,m] = einsum(b[t,@], x[t,@]) {spec: "i,j->ij"}
    output grad:u = u
    output grad:v = v

The candidate of a gated cell is weighted otherwise than its gates are: what comes in is multiplied by one matrix more
or less than the past is. To put the gradients of three side by side once more takes longer than a second product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ...spec.records import dataclass, replace
from ..ir import BATCH, Axis, Equation, Position, Read, System
from ..schedule import cycles_of
from .rewriting import View, axis_of, is_plain

OUTER = "i,j->ij"


def part(system: System) -> System:
    """The system with such products in parts; the same object when there are none."""
    if all(axis.size is None for axis in system.axes):
        return system
    work = _Work(View(system), {axis.size: axis for axis in system.axes if axis.size is not None})
    cycles = cycles_of(system)
    for whole in system.equations:
        if whole.op == "stack" and BATCH in whole.axes and whole.name not in cycles:
            work.take_apart(whole)
    if not work.steps:
        return system
    old = {axis.index for axis in system.axes}
    axes = [*system.axes[:-1], *(a for a in work.axes.values() if a.index not in old), system.axes[-1]]
    return replace(
        system.with_equations([*map(work.redirected, system.equations), *work.view.added]), axes=tuple(axes)
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """Members of a stack that are consecutive steps of one quantity, or one that is a quantity by itself."""

    source: Equation
    axis: str  # of the quantity; "" for one by itself
    first: int
    reads: list[Read]

    def goes_on(self, other: _Run) -> bool:
        """Whether the other's member is the next step, read at the same place along all other axes."""
        follows = self.first + len(self.reads) == other.first and self._elsewhere() == other._elsewhere()
        return bool(self.axis) and self.source is other.source and self.axis == other.axis and follows

    def _elsewhere(self) -> list[Position]:
        return [p for axis, p in zip(self.source.axes, self.reads[0].at) if axis != self.axis]


class _Work:
    def __init__(self, view: View, axes: dict[int, Axis]) -> None:
        self.view, self.axes = view, axes
        self.short = {axis.index for axis in axes.values()}
        self.steps: dict[tuple[str, int], Read] = {}  # of a product that was taken apart: what stands there
        self.readers: dict[str, list[tuple[Equation, Read]]] = defaultdict(list)
        for e in view.system.equations:
            for read in e.reads:
                self.readers[read.name].append((e, read))

    def take_apart(self, whole: Equation) -> None:
        runs = self._runs(whole.reads)
        if len(runs) == 1 or all(len(run.reads) == 1 for run in runs):
            return
        for product, _ in self.readers[whole.name]:
            if self._is_outer(product, whole):
                step = 1
                for run in runs:
                    for read in self._product(product, run):
                        self.steps[product.name, step] = read
                        step += 1

    def redirected(self, e: Equation) -> Equation:
        """What reads one step of a product, reading what stands there."""
        return replace(e, reads=tuple(self._member(read) or read for read in e.reads)) if e.reads else e

    def _member(self, read: Read) -> Read | None:
        return self.steps.get((read.name, read.at[0].offset)) if len(read.at) == 1 else None

    def _runs(self, reads: Sequence[Read]) -> list[_Run]:
        found: list[_Run] = []
        for read in reads:
            one = self._run(read)
            if found and found[-1].goes_on(one):
                found[-1].reads.append(read)
            else:
                found.append(one)
        return found

    def _run(self, read: Read) -> _Run:
        source = self.view.source(read)
        for axis, position in zip(source.axes, read.at):
            if axis in self.short and position.over is None and not position.ends:
                return _Run(source, axis, position.offset, [read])
        return _Run(source, "", 0, [read])

    def _is_outer(self, product: Equation, whole: Equation) -> bool:
        """Whether it is a sum of the stack's outer products with something, and its steps are read one by one."""
        axis = str(whole.attr("axis"))
        if product.op != "einsum" or product.attr("spec") != OUTER or product.axes != (axis,):
            return False
        left, right = product.reads
        alone = left.name == whole.name and is_plain(left, whole) and axis not in {p.over for p in right.at}
        places = [read.at[0] for _, read in self.readers[product.name]]
        return alone and all(place.over is None and not place.ends for place in places)

    def _product(self, e: Equation, run: _Run) -> Iterator[Read]:
        """The outer product with the members of a run: what is read of it, step by step."""
        count, other = len(run.reads), e.reads[1]
        if count == 1:
            yield self.view.new(e, "einsum", run.reads[0], other, shape=e.shape, spec=OUTER)
            return
        axis = axis_of(count, self.axes, self.view.system)
        at = tuple(
            Position(axis, offset=run.first - 1) if a == run.axis else p
            for a, p in zip(run.source.axes, run.reads[0].at)
        )
        made = self.view.new(
            e, "einsum", Read(run.source.name, at), other, axes=(axis,), shape=e.shape, spec=OUTER
        )
        for step in range(1, count + 1):
            yield Read(made.name, (Position(None, offset=step),))
