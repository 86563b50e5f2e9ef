"""Strips (loop fission with strip-mining): what a loop reads at its own step and nobody else reads, made for a
few steps at a time, just before the loop comes to them.

Local derivatives are of this kind: they lie on no cycle, so they are computed for many steps by one call each;
but for all steps at once they would leave the processor's cache before the loop reads them. So their arrays
have a few steps only, and are filled again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Mapping, Sequence
from typing import TYPE_CHECKING

from ...spec.records import dataclass
from ...spec.sizes import Size
from ..ir import BATCH, Equation, Read, System
from ..operators import TABLE
from ..schedule import Loop, Node, Stage, Straight
from ..weave import nodes_of
from .diagonal import scanned
from .layout import Demands, lag_sizes

if TYPE_CHECKING:
    from .storage import Storage


def strips(
    system: System,
    stages: Sequence[Stage],
    storage: Storage,
    needed: Demands,
    kept: Collection[str],
    written: Container[str],
) -> dict[str, str]:
    """The quantities made in strips: for each, the first quantity of the loop that it is made for. None are for
    loops along axes whose steps are ``written`` out."""
    search = _Search(system, stages, storage, needed, kept, written)
    found = {node.name for stage in stages if isinstance(stage, Straight) for node in [stage.node]}
    found = {name for name in found if search.fits(name)}
    while True:
        loops = search.loops(found)
        left = {name for name, loop in loops.items() if loop is not None and search.whole(name, found)}
        if left == found:
            made = {name: loop for name, loop in loops.items() if loop is not None}
            first = {loop: nodes_of(stages[loop])[0].name for loop in set(made.values())}
            return {name: first[loop] for name, loop in made.items()}
        found = left


class _Search:
    def __init__(
        self,
        system: System,
        stages: Sequence[Stage],
        storage: Storage,
        needed: Demands,
        kept: Collection[str],
        written: Container[str],
    ) -> None:
        self.stages, self.storage, self.needed, self.kept = stages, storage, needed, kept
        self.written = written
        self.table, self.lags = system.table(), lag_sizes(system)
        self.barred = {b.name for e in system.equations for b in e.boundaries}
        self.nodes: dict[str, Node] = {}
        self.number: dict[str, int] = {}  # of a quantity's stage
        self.readers: Mapping[str, list[tuple[int, str, Read]]] = defaultdict(list)
        for number, stage in enumerate(stages):
            for node in nodes_of(stage):
                self.nodes[node.name], self.number[node.name] = node, number
                for equation in node.equations:
                    for read in equation.reads:
                        self.readers[read.name].append((number, node.name, read))
        loops = [(number, stage) for number, stage in enumerate(stages) if isinstance(stage, Loop)]
        self.by_steps = {number for number, loop in loops if self._by_steps(loop)}

    def fits(self, name: str) -> bool:
        """Whether a quantity could be made so, whoever reads it: an array of every step, computed element by
        element from what lies at the same step or a fixed one, which nobody meets outside a sequence."""
        node, storage = self.nodes[name], self.storage
        root = node.root
        times = [axis for axis in root.axes if axis != BATCH and axis not in self.lags]
        return (
            "elementwise" in TABLE[root.op].traits
            and root.type == "real"
            and bool(TABLE[root.op].out)
            and times == [*root.axes[:1]]
            and storage.kinds.get(storage.holder(name)) == "array"
            and storage.holder(name) == storage.owner(name)
            and not storage.aliases_of(storage.owner(name))
            and storage.owner(name) not in storage.orders
            and not root.boundaries
            and name not in self.kept
            and name not in self.barred
            and name not in self.needed.pooled
            and (name, times[0]) not in self.needed.ahead
            and self.needed.slots.get((name, times[0]), (0, 0)) == (0, 0)
            and all(self._beside(e, root, times[0]) for e in node.equations)
        )

    def _beside(self, equation: Equation, root: Equation, axis: str) -> bool:
        """Whether all that is read lies in arrays at the root's step or one before or after, or lacks its axis."""
        if any(read.name in self.storage.optional for read in equation.reads):
            return False
        if equation is not root and axis in equation.axes:
            return False
        places = (
            (own, place)
            for read in equation.reads
            for own, place in zip(self.table[read.name].axes, read.at, strict=True)
        )
        return all(not place.ends and (own == axis) == (place.over == axis) for own, place in places)

    def loops(self, members: Collection[str]) -> dict[str, int | None]:
        """The one loop in which each quantity ends up, directly or by way of other members; None if there is
        none, or another reader."""
        found: dict[str, int | None] = {}
        for name in sorted(members, key=self.number.__getitem__, reverse=True):  # readers come later
            found[name] = self._loop_of(name, found)
        return found

    def _loop_of(self, name: str, known: Mapping[str, int | None]) -> int | None:
        found: set[int | None] = set()
        axis = self.nodes[name].root.axes[0]
        for number, reader, read in self.readers[name]:
            place = dict(zip(self.table[name].axes, read.at))[axis]
            stage = self.stages[number]
            if place.over != axis or place.offset or place.ends or self.table[reader].op == "concat":
                return None  # pieces are put in their places for all steps at once
            by_steps = isinstance(stage, Loop) and stage.axis == axis and number in self.by_steps
            found.add(number if by_steps else known.get(reader))
        return found.pop() if len(found) == 1 else None

    def _by_steps(self, loop: Loop) -> bool:
        apart = loop.flat and loop.axis not in self.written
        return apart and isinstance(scanned(loop, self.table, self.storage), str)

    def whole(self, name: str, members: Collection[str]) -> bool:
        """Whether all that is made in the same place is made so."""
        owner = self.storage.owner(name)
        work = [owner]
        for one in work:
            work += self.storage.takers.get(one, ())
        return all(one in members for one in work)


@dataclass(frozen=True, slots=True)
class Strip:
    """While a strip is printed: the steps ``now`` of arrays that have all, the places ``here`` of the ``short``
    ones."""

    axis: str
    now: str
    here: str
    short: frozenset[str]

    def steps(self, identifier: str) -> str:
        """The steps that are meant of an array."""
        return self.here if identifier in self.short else self.now


def size_of_step(equations: Sequence[Equation], lags: Mapping[str, int]) -> Size:
    """The numbers in one step of one sequence, of all these together."""
    total = Size.of(0)
    for equation in equations:
        size = Size.of(1)
        for axis in equation.axes:
            size = size * Size.of(lags.get(axis, 1))
        for extent in equation.shape:
            size = size * extent
        total = total + size
    return total
