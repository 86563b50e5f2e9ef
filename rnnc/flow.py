"""How far back a loss reaches: ∂L/∂h[t] against the lag, the recurrent Jacobian, saturated units.

The spec is compiled with probes (`compiler/probes.py`); everything here is read off the module's own
backward pass, so it is exact whatever the network looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from types import ModuleType

import numpy as np

from . import api
from .columns import columns
from .compiler.driver import Options
from .compiler.probes import FIRST, LAST, Edge, Memory, Probed, probed
from .compiler.program import Program
from .files import Imports
from .runtime.chart import COLOURS, Chart, Line, draw
from .runtime.module import Array, Arrays, Batch
from .runtime.params import size
from .spec.diagnostics import SpecError
from .spec.source import Source

SAMPLED = 16  # steps at which the recurrent Jacobian is looked at
WIDEST = 1024  # units of state above which its eigenvalues take too long
FEW = 256  # units above which fewer steps are looked at
ROWS = 64  # of a batch in which one sequence stands for as many units
SATURATED = {  # where the derivative is below a tenth of its greatest
    "tanh": lambda value: 1 - value**2 < 0.1,
    "sigmoid": lambda value: value * (1 - value) < 0.025,
    "relu": lambda value: value <= 0,
}


@dataclass(frozen=True)
class Flow:
    """``memories`` and ``edges``: the norm of ∂L/∂q[t] by lag, root mean square over the sequences. L is the
    loss of the last step, and for what runs backward that of the first; the lag is counted from there. An
    edge (`h[t-1]`) has the part of the gradient that goes through it.

    ``radii``: for the quantities that depend on one another, the spectral radius of the Jacobian of all of
    them with respect to those of the step before, at several steps of the first sequence; ``unmeasured``
    says why there is none. ``saturated``: the share of values at which a unit's derivative is below a tenth
    of its greatest (of a relu: 0)."""

    memories: Mapping[str, Array]
    edges: Mapping[str, Array]
    backward: frozenset[str]
    radii: Mapping[tuple[str, ...], Array]
    unmeasured: Mapping[tuple[str, ...], str]
    saturated: Mapping[str, float]
    title: str = "gradient flow"
    notes: tuple[str, ...] = ()

    @property
    def curves(self) -> dict[str, Array]:
        """Every memory, and the edges of those that have several."""
        several = [edge for edge in self.edges if sum(_of(other) == _of(edge) for other in self.edges) > 1]
        return {**self.memories, **{edge: self.edges[edge] for edge in several}}

    def svg(self) -> str:
        """The norms over the lag, on a logarithmic scale."""
        colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(self.curves)}
        lines = [
            Line(name, list(enumerate(map(float, curve))), colours[name], dashed=name in self.edges)
            for name, curve in self.curves.items()
        ]
        notes = [
            f"spectral radius of {_listed(names)}: {np.median(r):.3g}"
            for names, r in self.radii.items()
            if r.size
        ]
        notes += [f"saturated: {name} {100 * share:.1f} %" for name, share in self.saturated.items()]
        x, y = "lag: steps back from the step of the loss", "norm of ∂L/∂…[t]"
        return draw(Chart(self.title, x, y, log=True, notes=notes), lines)

    def __str__(self) -> str:
        return "\n".join([self.title, *self.notes, "", *self._table(), "", *self._rest()]) + "\n"

    def _table(self) -> Iterator[str]:
        if not self.memories:
            yield "nothing is carried from step to step: the spec has no recurrence"
            return
        longest = max(len(curve) for curve in self.curves.values())
        lags = [lag for lag in _LAGS if lag < longest - 1] + [longest - 1]
        rows = [["|∂L/∂…[t]| at lag", *map(str, lags), "a step keeps"]]
        for name, curve in self.curves.items():
            shown = [f"{curve[lag]:.3g}" if lag < len(curve) else "" for lag in lags]
            label = f"through {name}" if name in self.edges else name
            rows.append([label + "  (from step 1)" * (name in self.backward), *shown, _kept(curve)])
        yield columns(rows)

    def _rest(self) -> Iterator[str]:
        for names, radii in self.radii.items():
            if not radii.size:
                continue
            low, middle, high = np.min(radii), np.median(radii), np.max(radii)
            yield (
                f"spectral radius of the recurrent Jacobian of {_listed(names)}: "
                f"{middle:.3g} ({low:.3g} to {high:.3g} at {len(radii)} steps)"
            )
        for names, why in self.unmeasured.items():
            yield f"spectral radius of the recurrent Jacobian of {_listed(names)}: not measured, {why}"
        for name, share in self.saturated.items():
            yield f"saturated: {name} {100 * share:.1f} %"


_LAGS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


def _listed(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _of(edge: str) -> str:
    return edge.partition("[")[0]


def _kept(curve: Array) -> str:
    """The factor per step, from lag 1 to the last one that is not 0."""
    there = np.flatnonzero(curve[1:]) + 1
    if len(there) < 2:
        return ""
    first, last = there[0], there[-1]
    return f"{(curve[last] / curve[first]) ** (1 / (last - first)):.3f}"


def gradient_flow(module: ModuleType, params: Arrays, batch: Batch) -> Flow:
    """The flow of a module's gradient under these parameters, on this batch.

    Raises ValueError for what `forward` would refuse, and for a spec that imports files: it is compiled
    again, from the text that the module carries."""
    source = Source("<module>", module.SPEC)
    try:
        return flow_of(source, Options(dims=_changed(source, module.DIMS)), Imports(None), params, batch)
    except SpecError as error:
        raise ValueError(f"the spec in the module does not compile by itself: {error}") from None


def _changed(source: Source, dims: Mapping[str, int]) -> dict[str, int]:
    """The dims that were given when the module was compiled."""
    program = api.compile_with(source, Options(stop_after="check"), Imports(None)).program
    return {name: dims[name] for name, value in program.dims if dims[name] != value}


def flow_of(source: Source, options: Options, imports: Imports, params: Arrays, batch: Batch) -> Flow:
    """The flow of a spec's gradient."""
    whole = _Instrument(source, options, imports, params, batch)
    norms = whole.norms()
    found = whole.found
    radii: dict[tuple[str, ...], Array] = {}
    unmeasured: dict[tuple[str, ...], str] = {}
    cut: _Instrument | None = None
    for cycle in whole.cycles():
        names = tuple(memory.name for memory in cycle.memories)
        why = cycle.hindrance(whole.dims)
        if why:
            unmeasured[names] = why
            continue
        cut = cut or _Instrument(source, options, imports, params, batch, cut=True)
        radii[names] = cut.radii(cycle)
    behind = {name for edge in found.edges if edge.delay < 0 for name in (edge.of, edge.label)}
    return Flow(
        {memory.name: norms[memory.probe] for memory in found.memories},
        {edge.label: norms[edge.probe] for edge in found.edges},
        frozenset(behind),
        radii,
        unmeasured,
        dict(whole.saturated()),
    )


@dataclass(frozen=True)
class _Cycle:
    """Quantities that depend on one another across steps."""

    memories: tuple[Memory, ...]
    edges: tuple[Edge, ...]

    @property
    def order(self) -> int:
        """How many steps the state holds."""
        return max(abs(edge.delay) for edge in self.edges)

    def units(self, dims: Mapping[str, int]) -> int:
        """The components of all its quantities."""
        return sum(_count(memory, dims) for memory in self.memories)

    def hindrance(self, dims: Mapping[str, int]) -> str:
        """Why its Jacobian is not looked at; "" where it is."""
        if any(len(memory.axes) > 1 for memory in self.memories):
            return "it runs over several axes"
        width = self.units(dims) * self.order
        return f"its state has {width:,} units, more than {WIDEST:,}" if width > WIDEST else ""


class _Instrument:
    """A spec compiled with probes, with parameters and a batch; ``cut``: the gradient goes back one step."""

    def __init__(
        self,
        source: Source,
        options: Options,
        imports: Imports,
        params: Arrays,
        batch: Batch,
        cut: bool = False,
    ) -> None:
        def change(program: Program) -> Program:
            self.found: Probed = probed(program, cut)
            return self.found.program

        self.module = api.module_from(api.compile_with(source, options, imports, change).text, "probed")
        self.params = {name: np.asarray(value, np.float64) for name, value in params.items()}
        self.axes: dict[str, str] = dict(self.module.AXES)
        self.batch = {name: np.asarray(value) for name, value in batch.items()}
        self.probes = [edge.probe for edge in self.found.edges]
        self.probes += [memory.probe for memory in self.found.memories]
        self.dims: dict[str, int] = self.module._checked_params(self.params)[1]
        self.rows = next((v.shape[self._batch_axis(n)] for n, v in self.batch.items() if self._known(n)), 1)

    # arrays

    def _known(self, name: str) -> bool:
        return name in self.module.INPUTS or name in self.axes.values()

    def _batch_axis(self, name: str) -> int:
        """Which axis of an argument is the batch's."""
        return len(self.module.INPUTS[name][0]) if name in self.module.INPUTS else 0

    def _extent(self, axis: str) -> int:
        """How many steps an axis has in the arrays."""
        for name, (axes, *_) in self.module.INPUTS.items():
            if axis in axes and name in self.batch:
                return int(self.batch[name].shape[list(axes).index(axis)])
        return int(np.max(self.batch.get(self.axes[axis], 0), initial=0))

    def _shape(self, probe: str, rows: int) -> tuple[int, ...]:
        axes, sizes, *_ = self.module.INPUTS[probe]
        return (*map(self._extent, axes), rows, *(size(symbol, self.dims) for symbol in sizes))

    def lengths(self, axis: str) -> Array:
        """The length of every sequence."""
        given = self.batch.get(self.axes[axis])
        return np.full(self.rows, self._extent(axis)) if given is None else given

    def _gradients(self, batch: Batch, cotangents: Arrays, rows: int) -> Arrays:
        """With respect to every probe, in a batch of so many rows."""
        batch = {**batch, **{probe: np.zeros(self._shape(probe, rows)) for probe in self.probes}}
        run = self.module.forward(self.params, batch)
        found: Arrays = self.module.backward(self.params, run, cotangents)[1]
        return found

    # how far the gradient reaches

    def norms(self) -> Arrays:
        """By lag, of every probe's gradient: of the loss at that end from which its recurrence looks back."""
        ends = {
            end: self._gradients(self.batch, {end: np.ones(self.rows)}, self.rows) for end in (LAST, FIRST)
        }
        found: Arrays = {}
        for edge in self.found.edges:
            gradients = ends[FIRST if edge.delay < 0 else LAST]
            found[edge.probe] = self._by_lag(gradients[edge.probe], edge, edge.delay)
            memory = next(memory for memory in self.found.memories if memory.name == edge.of)
            found.setdefault(memory.probe, self._by_lag(gradients[memory.probe], edge, 0))
        return found

    def _by_lag(self, gradient: Array, edge: Edge, delay: int) -> Array:
        """The norm of what belongs to the quantity `delay` steps before: root mean square over the sequences
        that are so long."""
        axes = list(self.module.INPUTS[edge.probe][0])
        moved = np.moveaxis(gradient, (axes.index(edge.axis), len(axes)), (0, 1))
        squares = np.square(moved).reshape(*moved.shape[:2], -1).sum(axis=2)
        steps = np.arange(1, len(squares) + 1)[:, None] - delay
        lengths = self.lengths(edge.axis)
        lag = np.broadcast_to(steps - 1, squares.shape) if edge.delay < 0 else lengths - steps
        inside = (steps >= 1) & (steps <= lengths)
        sums = np.bincount(lag[inside], squares[inside], len(squares))
        return np.asarray(np.sqrt(sums / np.maximum(np.bincount(lag[inside], minlength=len(squares)), 1)))

    # one step

    def cycles(self) -> list[_Cycle]:
        numbers = dict.fromkeys(edge.cycle for edge in self.found.edges)
        return [
            _Cycle(
                tuple(memory for memory in self.found.memories if memory.cycle == number),
                tuple(edge for edge in self.found.edges if edge.cycle == number),
            )
            for number in numbers
        ]

    def radii(self, cycle: _Cycle) -> Array:
        """The spectral radius of the Jacobian at a few steps of the first sequence."""
        axis, width = cycle.edges[0].axis, cycle.units(self.dims) * cycle.order
        length = int(self.lengths(axis)[0])
        steps = np.unique(np.linspace(1, length, SAMPLED if width <= FEW else 4).round().astype(int))
        blocks = self._blocks(cycle)
        found = [_radius(cycle, blocks, self.dims, int(step)) for step in steps if length]
        return np.array(found)

    def _blocks(self, cycle: _Cycle) -> Arrays:
        """For every edge, the Jacobian of all the cycle's units with respect to what it carries, at every step of
        the first sequence: (steps, units, components). One row of a batch stands for one unit."""
        one = {name: np.take(value, [0], self._batch_axis(name)) for name, value in self.batch.items()}
        units = cycle.units(self.dims)
        parts: dict[str, list[Array]] = {edge.probe: [] for edge in cycle.edges}
        for first in range(0, units, ROWS):
            rows = min(ROWS, units - first)
            batch = {name: np.repeat(value, rows, self._batch_axis(name)) for name, value in one.items()}
            gradients = self._gradients(batch, self._unit_cotangents(cycle, first, rows), rows)
            for probe, found in parts.items():
                value = gradients[probe]
                found.append(value.reshape(*value.shape[:2], -1))
        return {probe: np.concatenate(found, axis=1) for probe, found in parts.items()}

    def _unit_cotangents(self, cycle: _Cycle, first: int, rows: int) -> Arrays:
        """1 for unit `first` + k in row k, at every step."""
        found, place = {}, -first
        for memory in cycle.memories:
            shape = self._shape(memory.probe, rows)
            count = _count(memory, self.dims)
            value = np.zeros((shape[0], rows, count))
            for row in range(max(place, 0), min(place + count, rows)):
                value[:, row, row - place] = 1
            found[memory.probe] = value.reshape(shape)
            place += count
        return found

    # saturated units

    def saturated(self) -> Iterator[tuple[str, float]]:
        probes = {probe: np.zeros(self._shape(probe, self.rows)) for probe in self.probes}
        outputs = self.module.forward(self.params, {**self.batch, **probes}).outputs
        shares: dict[str, list[Array]] = {}
        for unit in self.found.units:
            value = outputs[unit.output]
            flags = SATURATED[unit.op](value)[self._inside(unit.axes)]
            shares.setdefault(f"{unit.origin} ({unit.op})", []).append(flags.ravel())
        for name, parts in shares.items():
            flags = np.concatenate(parts)
            yield name, float(flags.mean()) if flags.size else 0.0

    def _inside(self, axes: Sequence[str]) -> Array:
        """Which steps are within each sequence."""
        inside = np.ones((*map(self._extent, axes), self.rows), bool)
        for place, axis in enumerate(axes):
            steps = np.arange(1, self._extent(axis) + 1).reshape(-1, *[1] * (len(axes) - place))
            inside &= steps <= self.lengths(axis)
        return inside


def _count(memory: Memory, dims: Mapping[str, int]) -> int:
    return prod(part.value(dims) for part in memory.shape)


def _radius(cycle: _Cycle, blocks: Mapping[str, Array], dims: Mapping[str, int], step: int) -> float:
    """The largest modulus of an eigenvalue of the Jacobian of one step: the state is everything of the last
    `order` steps, the newest first."""
    units = cycle.units(dims)
    jacobian = np.eye(units * cycle.order, k=-units)
    places = dict(
        zip(
            (m.name for m in cycle.memories), accumulate((_count(m, dims) for m in cycle.memories), initial=0)
        )
    )
    for edge in cycle.edges:
        block = blocks[edge.probe][step - 1]
        first = (abs(edge.delay) - 1) * units + places[edge.of]
        jacobian[:units, first : first + block.shape[1]] += block
    return float(np.abs(np.linalg.eigvals(jacobian)).max(initial=0))
