"""A loop along one axis as one step that a library's scan repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..compiler.ir import Equation, Position, Read
from ..compiler.operators import TABLE
from ..compiler.schedule import Loop
from .libraries import Tensor
from .operators import REDUCTIONS

if TYPE_CHECKING:
    from .translate import Values


def scannable(loop: Loop) -> list[Equation] | None:
    """The equations of a loop that one scan can run: no loop inside, its own past read at plain places."""
    body = []
    for stage in loop.body:
        if isinstance(stage, Loop):
            return None
        body.append(stage.node.root)
    own = {equation.name: equation for equation in body}
    for read in (read for equation in body for read in equation.reads if read.name in own):
        for axis, position in zip(own[read.name].axes, read.at):
            if position != Position(axis) and (axis != loop.axis or position.over != axis or position.ends):
                return None
    return body


class Body:
    """One step of a loop, made once and run many times.

    What does not change from step to step is read when the body is made; what does is carried from the step
    before, is an item of a sequence, or has just been computed."""

    def __init__(self, values: Values, loop: Loop, body: list[Equation]) -> None:
        self.values, self.axis, self.step_sign = values, loop.axis, loop.step
        self.own = {equation.name: equation for equation in body}
        self.lags = self._longest_delays(body)
        self.first = [value for name, lag in self.lags.items() for value in self._before(name, lag)]
        self.places: dict[object, int] = {
            (name, back): number
            for number, (name, back) in enumerate(
                (n, k) for n, lag in self.lags.items() for k in range(1, lag + 1)
            )
        }
        self.sequences: list[Tensor] = []
        self.sequence_keys: dict[Read, int] = {}
        self.constants: dict[int, Tensor] = {}
        self.code: list[tuple[Callable[..., Tensor], list[tuple[str, object]], str]] = []
        for equation in body:
            self._add(equation)
        network = values.network
        outside = {r.name for e in network.system.equations if e.name not in self.own for r in e.reads}
        outside |= {b.name for e in network.system.equations for b in e.boundaries} | network.wanted
        self.kept = [name for name in self.own if name in outside]

    def _longest_delays(self, body: list[Equation]) -> dict[str, int]:
        found: dict[str, int] = {}
        for read in (read for equation in body for read in equation.reads if read.name in self.own):
            found[read.name] = max(found.get(read.name, 0), abs(self._offset(read)))
        return {name: lag for name, lag in found.items() if lag}

    def _offset(self, read: Read) -> int:
        axes = self.own[read.name].axes
        return next(p.offset for axis, p in zip(axes, read.at) if axis == self.axis)

    def _before(self, name: str, lag: int) -> list[Tensor]:
        """The values before the first step, the nearest first."""
        values, extent = self.values, self.values.network.extents[self.axis]
        edge = 1 if self.step_sign > 0 else extent
        plain = values.everywhere(name)
        return [
            values.value(name, {**plain, self.axis: edge - self.step_sign * back})
            for back in range(1, lag + 1)
        ]

    def _add(self, equation: Equation) -> None:
        values, network = self.values, self.values.network
        axes = [axis for axis in network.sorted(equation.axes) if axis != self.axis]
        known: list[list[str]] = []
        getters: list[tuple[str, object]] = []
        for read in equation.reads:
            kind, key, own = self._operand(read)
            getters.append((kind, key))
            known.append(own)

        def compute(*arrays: Tensor) -> Tensor:
            return values.full(values.apply(equation, list(zip(arrays, known)), axes), axes, equation)

        self.code.append((self._short(equation, known, axes) or compute, getters, equation.name))

    def _short(
        self, equation: Equation, known: list[list[str]], axes: list[str]
    ) -> Callable[..., Tensor] | None:
        """The operator's function itself where no operand needs turning: most equations of most loops."""
        plain = equation.op not in REDUCTIONS and "structure" not in TABLE[equation.op].traits
        if plain and equation.op != "einsum" and axes in known and all(own in ([], axes) for own in known):
            return self.values.network.function(equation)
        return None

    def _operand(self, read: Read) -> tuple[str, object, list[str]]:
        """Where a step finds an operand, and the axes of its leading dimensions."""
        values = self.values
        source = values.table[read.name]
        if read.name in self.own:
            own = [axis for axis in values.network.sorted(source.axes) if axis != self.axis]
            back = abs(self._offset(read))
            return ("carried", (read.name, back), own) if back else ("now", read.name, own)
        if not any(position.over == self.axis for position in read.at):
            array, own = values.read(read, {})
            number = len(self.constants)
            self.constants[number] = array
            return "constant", number, own
        array, own = values.read(read, {})
        if read not in self.sequence_keys:
            dimension = own.index(self.axis)
            order = [dimension, *(k for k in range(len(array.shape)) if k != dimension)]
            self.sequence_keys[read] = len(self.sequences)
            self.sequences.append(values.library.transposed(array, order))
        return "item", self.sequence_keys[read], [axis for axis in own if axis != self.axis]

    def step(self, carried: list[Tensor], items: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """One step: what is carried on, and what is kept."""
        now: dict[str, Tensor] = {}
        for function, getters, name in self.code:
            now[name] = function(*(self._get(kind, key, carried, items, now) for kind, key in getters))
        after: list[Tensor] = []
        for name, lag in self.lags.items():
            start = len(after)
            after += [now[name], *carried[start : start + lag - 1]]
        return after, [now[name] for name in self.kept]

    def _get(
        self, kind: str, key: Any, carried: list[Tensor], items: list[Tensor], now: dict[str, Tensor]
    ) -> Tensor:
        if kind == "now":
            return now[key]
        if kind == "carried":
            return carried[self.places[key]]
        return items[key] if kind == "item" else self.constants[key]
