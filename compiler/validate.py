"""The invariants of a system, checked: after every pass in tests, and when debugging.

A broken one is the compiler's fault, never the user's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..spec.sizes import Size
from .ir import AFTER, BATCH, BEFORE, Attr, Boundary, Equation, Position, Read, System, lag_axes
from .ir_text import equation_text
from .operators import TABLE, Call, ShapeError

KINDS: dict[str, tuple[type, ...]] = {
    "size": (Size,),
    "sizes": (tuple,),
    "axes": (tuple,),
    "int": (int,),
    "number": (int, float),
    "str": (str,),
    "axis": (str,),
}


class BrokenSystem(Exception):
    """A system that breaks an invariant; names the equation."""


def validate(system: System) -> System:
    """The system itself, when it keeps every invariant; else `BrokenSystem` with all that is wrong."""
    checker = _Checker(system)
    problems = [*checker.whole(), *(p for equation in system.equations for p in checker.equation(equation))]
    if problems:
        raise BrokenSystem("\n".join(problems))
    return system


def after_batch(axes: tuple[str, ...]) -> tuple[str, ...]:
    """Axes that stand after the batch: none but those of joined members of a single step."""
    return axes[axes.index(BATCH) + 1 :] if BATCH in axes else ()


class _Checker:
    def __init__(self, system: System) -> None:
        self.system = system
        self.table = system.table()
        self.axes = {axis.index: axis for axis in system.axes}
        self.lengths = {axis.index: axis.length for axis in system.axes}

    def whole(self) -> Iterator[str]:
        """What concerns no single equation."""
        names = [e.name for e in (*self.system.given, *self.system.equations)]
        lengths = [axis.length for axis in self.system.axes if axis.length]
        indices = [axis.index for axis in self.system.axes]
        keys = [key for key, _ in self.system.outputs]
        for what, items in (("equation", names), ("axis", indices), ("length", lengths), ("output", keys)):
            yield from (f"two of one name: {what} {item}" for item, n in Counter(items).items() if n > 1)
        yield from (f"output {key}: no {name}" for key, name in self.system.outputs if name not in self.table)

    def equation(self, equation: Equation) -> Iterator[str]:
        """What is wrong with one equation, with its text."""
        for problem in self._problems(equation):
            yield f"{problem} in: {equation_text(equation, self.lengths)}"

    def _problems(self, equation: Equation) -> Iterator[str]:
        operator = TABLE.get(equation.op)
        if operator is None:
            yield f"no operator {equation.op}"
            return
        yield from self._axes(equation)
        if not operator.takes(len(equation.reads)):
            yield f"{equation.op} does not take {len(equation.reads)} operands"
            return
        wrong = [
            *self._statics(equation),
            *(p for read in equation.reads for p in self._read(equation, read)),
        ]
        yield from wrong
        if not wrong:
            yield from self._result(equation)
        for boundary in equation.boundaries:
            yield from self._boundary(equation, boundary)

    def _axes(self, equation: Equation) -> Iterator[str]:
        if len(set(equation.axes)) != len(equation.axes) or not set(equation.axes) <= set(self.axes):
            yield "axes that repeat or do not exist"
        elif any(self.axes[a].size is None for a in after_batch(equation.axes)):
            yield "the batch axis is not last"
        elif any(self.axes[a].length for a in equation.axes) and BATCH not in equation.axes:
            yield "a time axis without the batch axis"

    def _statics(self, equation: Equation) -> Iterator[str]:
        statics = TABLE[equation.op].statics
        given: dict[str, Attr] = dict(equation.attrs)
        if set(statics) != set(given) or list(given) != sorted(given):
            yield f"{equation.op} needs the attributes {sorted(statics)}"
        for name in set(statics) & set(given):
            if not isinstance(given[name], KINDS[statics[name]]):
                yield f"attribute {name} is no {statics[name]}"
            elif statics[name] == "axis" and given[name] not in self.axes:
                yield f"attribute {name} is no axis"

    def _read(self, equation: Equation, read: Read) -> Iterator[str]:
        source = self.table.get(read.name)
        if source is None:
            yield f"{read.name} is not defined"
        elif len(source.axes) != len(read.at):
            yield f"{read.name} has {len(source.axes)} axes, read at {len(read.at)} positions"
        else:
            for axis, position in zip(source.axes, read.at):
                yield from self._position(equation, axis, position)

    def _position(self, equation: Equation, axis: str, position: Position) -> Iterator[str]:
        if axis == BATCH or position.over == BATCH:
            if axis != BATCH or position != Position(BATCH):
                yield "the batch axis is read elsewhere than at the same row"
        if (position.ends != 0) != bool(position.of) or (position.of and not self.lengths.get(position.of)):
            yield f"a position counts with the length of {position.of!r}"
        if position.over is not None and position.over not in self.axes:
            yield f"no axis {position.over}"
        elif position.over is not None and position.over not in equation.axes:
            if "reduces" not in TABLE[equation.op].traits:
                yield f"{position.over} is not bound"

    def _result(self, equation: Equation) -> Iterator[str]:
        operator = TABLE[equation.op]
        if "leaf" in operator.traits:
            return
        sources = [self.table[read.name] for read in equation.reads]
        shapes, types = tuple(s.shape for s in sources), tuple(s.type for s in sources)
        call = Call(shapes, types, tuple(s.axes for s in sources), dict(equation.attrs))
        try:
            shape, type = operator.shape(call), operator.type(call)
        except ShapeError as error:
            yield error.message
            return
        if (shape, type) != (equation.shape, equation.type):
            yield f"{type}[{', '.join(map(str, shape))}] is the operator's result"
        axis = dict(equation.attrs).get("axis")
        if axis is not None and axis not in equation.axes:
            yield f"the result lacks the axis {axis}"

    def _boundary(self, equation: Equation, boundary: Boundary) -> Iterator[str]:
        sides = [axis for axis, _ in boundary.sides]
        in_order = [axis for axis in equation.axes if axis in sides]
        if not sides or sides != in_order or any(s not in (BEFORE, AFTER) for _, s in boundary.sides):
            yield "a boundary's sides are axes of the equation, in order"
            return
        if BATCH in sides:
            yield "the batch axis has no boundary"
        source = self.table.get(boundary.name)
        if source is None:
            yield f"{boundary.name} is not defined"
            return
        if (source.shape, source.type) != (equation.shape, equation.type):
            yield f"{boundary.name} has another shape or type"
        lags = lag_axes(equation, source, tuple(sides))
        wanted = tuple(lags.get(a, a) for a in equation.axes if a not in sides or a in lags)
        if source.axes != wanted or any(self.axes[lag].size is None for lag in lags.values()):
            yield f"{boundary.name} has other axes than a boundary there"
