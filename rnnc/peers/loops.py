"""A loop along one axis as one step that a library's scan repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..compiler.ir import Equation, Position, Read
from ..compiler.operators import TABLE
from ..compiler.schedule import Loop
from .libraries import Tensor
from .operators import REDUCTIONS
from .reading import Stretch, index_of, inside, place

if TYPE_CHECKING:
    from .translate import Values

Getter = Callable[[list[Tensor], list[Tensor], dict[str, Tensor]], Tensor]  # carried, items, now


def scannable(loop: Loop, extents: Mapping[str, int]) -> list[Equation] | None:
    """The equations of a loop that one scan can run: no loop inside, and of its own quantities nothing read that lies
    outside along another axis."""
    body = []
    for stage in loop.body:
        if isinstance(stage, Loop):
            return None
        body.append(stage.node.root)
    own = {equation.name: equation for equation in body}
    for read in (read for equation in body for read in equation.reads if read.name in own):
        for axis, position in zip(own[read.name].axes, read.at):
            if (position.over == loop.axis) != (axis == loop.axis) or (axis == loop.axis and position.ends):
                return None
            if axis != loop.axis and not inside(place(position, extents, {}), extents[axis]):
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
        self.places: dict[tuple[str, int], int] = {
            (name, back): number
            for number, (name, back) in enumerate(
                (n, k) for n, lag in self.lags.items() for k in range(1, lag + 1)
            )
        }
        self.sequences: list[Tensor] = []
        self.sequence_keys: dict[Read, int] = {}
        self.code: list[tuple[Callable[..., Tensor], list[Getter], str]] = []
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
        operands = [self._operand(read) for read in equation.reads]
        getters, known = [getter for getter, _ in operands], [own for _, own in operands]

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

    def _operand(self, read: Read) -> tuple[Getter, list[str]]:
        """How a step finds an operand, and the axes of its leading dimensions."""
        if read.name in self.own:
            return self._own_value(read)
        array, own = self.values.read(read, {})
        if self.axis not in own:
            return lambda carried, items, now: array, own
        if read not in self.sequence_keys:
            dimension = own.index(self.axis)
            order = [dimension, *(k for k in range(len(array.shape)) if k != dimension)]
            self.sequence_keys[read] = len(self.sequences)
            self.sequences.append(self.values.library.transposed(array, order))
        key = self.sequence_keys[read]
        return lambda carried, items, now: items[key], [axis for axis in own if axis != self.axis]

    def _own_value(self, read: Read) -> tuple[Getter, list[str]]:
        """What the loop itself computes, at this step or one before; of other axes possibly a part."""
        name, back, network = read.name, abs(self._offset(read)), self.values.network
        number = self.places.get((name, back), 0)

        def value(carried: list[Tensor], items: list[Tensor], now: dict[str, Tensor]) -> Tensor:
            return carried[number] if back else now[name]

        at = dict(zip(self.own[name].axes, read.at))
        axes = [axis for axis in network.sorted(self.own[name].axes) if axis != self.axis]
        if all(at[axis] == Position(axis) for axis in axes):
            return value, axes
        found = [place(at[axis], network.extents, {}) for axis in axes]
        over = [one.over for one in found if isinstance(one, Stretch)]

        def part(carried: list[Tensor], items: list[Tensor], now: dict[str, Tensor]) -> Tensor:
            return self.values.turned(value(carried, items, now)[index_of(found)], over)[0]

        return part, network.sorted(set(over))

    def step(self, carried: list[Tensor], items: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """One step: what is carried on, and what is kept."""
        now: dict[str, Tensor] = {}
        for function, getters, name in self.code:
            now[name] = function(*(getter(carried, items, now) for getter in getters))
        after: list[Tensor] = []
        for name, lag in self.lags.items():
            start = len(after)
            after += [now[name], *carried[start : start + lag - 1]]
        return after, [now[name] for name in self.kept]
