"""How quantities lie in memory: which have arrays, how many slots stand before and after the steps.

An array of h over t has `before` slots, one for each step, and `after` slots: the slots hold what h is
outside 1..T, so that a read at t-1 is the same array one slot on, never a case. In a ragged batch the
slots past a sequence's own end lie inside the array; what must be right there is kept right where the
quantity is defined (`body.ended`)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import field

from ...spec.records import dataclass
from ..ir import AFTER, Equation, Position, Read, System


@dataclass(frozen=True, slots=True)
class Stored:
    """A Python variable. ``axes`` are the array's leading dimensions; features follow. ``array``: the
    expression that is meant, where that is a view of the variable. ``solid``: features lie side by side."""

    identifier: str
    axes: tuple[str, ...]
    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)
    array: str = ""
    solid: bool = True

    def margins(self, axis: str) -> tuple[int, int]:
        return self.before.get(axis, 0), self.after.get(axis, 0)


def reach(position: Position, lag_sizes: Mapping[str, int]) -> tuple[int, int]:
    """How many slots before step 1 and past step T a read can touch, whatever T is (0 included)."""
    low = high = position.offset
    over = position.over
    stays = over is not None and over not in lag_sizes
    if over is not None:
        low, high = low + 1, high + lag_sizes.get(over, 0)
    grows = stays or position.ends == 1  # its largest place moves with T
    return max(0, 1 - low), max(0, high if grows or high > 0 else 0)


@dataclass(frozen=True, slots=True)
class Demands:
    """What the reads of a set of systems ask of each quantity.

    ``slots`` (name, axis) -> slots before and after. ``ahead`` are the (name, axis) that some read can
    meet past a sequence's own end. ``pooled`` are the names that are summed over a time axis."""

    slots: Mapping[tuple[str, str], tuple[int, int]]
    ahead: frozenset[tuple[str, str]]
    pooled: frozenset[str]


def demands(systems: Iterable[System]) -> Demands:
    """Collect the demands of every read."""
    slots: dict[tuple[str, str], tuple[int, int]] = {}
    ahead: set[tuple[str, str]] = set()
    pooled: set[str] = set()
    systems = tuple(systems)
    for system in systems:
        table, lags = system.table(), lag_sizes(system)
        times = {axis.index for axis in system.axes if axis.length}
        for equation in system.equations:
            for read in equation.reads:
                if pooled_axes(equation, read, times):
                    pooled.add(read.name)
                for axis, position in zip(table[read.name].axes, read.at, strict=True):
                    if axis not in times:
                        continue
                    low, high = reach(position, lags)
                    old = slots.get((read.name, axis), (0, 0))
                    slots[read.name, axis] = max(old[0], low), max(old[1], high)
                    if high:
                        ahead.add((read.name, axis))
    for system in systems:
        _pass_on(system.equations, ahead, pooled)
    return Demands(slots, frozenset(ahead), frozenset(pooled))


def _pass_on(equations: Iterable[Equation], ahead: set[tuple[str, str]], pooled: set[str]) -> None:
    """What is met of a quantity past an end is met of its boundaries along the axes they share."""
    owners = [e for e in equations if e.boundaries]
    before = -1
    while before != len(ahead) + len(pooled):
        before = len(ahead) + len(pooled)
        for e in owners:
            for name in (boundary.name for boundary in e.boundaries):
                ahead |= {(name, axis) for axis in e.axes if (e.name, axis) in ahead}
                pooled |= {name} if e.name in pooled else set()


def lag_sizes(system: System) -> dict[str, int]:
    return {axis.index: axis.size for axis in system.axes if axis.size is not None}


def pooled_axes(reader: Equation, read: Read, times: Container[str]) -> tuple[str, ...]:
    """The time axes of a read that its reader lacks: those it sums (or takes the maximum) over."""
    over = (position.over for position in read.at if position.over is not None)
    return tuple(axis for axis in over if axis in times and axis not in reader.axes)


def end_value(equation: Equation, axis: str) -> str | None:
    """The quantity that gives the values past the end of one axis."""
    return equation.boundary(((axis, AFTER),))


def moves(axis: str, read: Read) -> bool:
    """Whether a read goes along with the steps of an axis."""
    return any(p.over == axis and not p.ends for p in read.at)


def delay(axis: str, read: Read) -> int:
    """How many steps further along an axis than its reader stands a read is that goes along with it."""
    return next(p.offset for p in read.at if p.over == axis)
