"""Unrolling: K steps written one after the other, the unfolded graph of the textbook.

    axis t = 1..T                                  axis t = 1..2
    axis @                                         axis @
    x[t,@] : real = input() {name: "x"}            x[t,@] : real = input() {name: "x"}
                                                   x_1[@] : real = copy(x[1,@])
                                                   x_2[@] : real = copy(x[2,@])
    s : real = param() {name: "s"}                 s : real = param() {name: "s"}
    h.start[@] : real = copy(s)                    h_0[@] : real = copy(s)
    h.1[t,@] : real = add(h[t-1,@], x[t,@])        h_1.1[@] : real = add(h_0[@], x_1[@])
    h[t,@] : real = tanh(h.1[t,@])                 h_1[@] : real = tanh(h_1.1[@])
             before t: h.start                     h_2.1[@] : real = add(h_1[@], x_2[@])
                                                   h_2[@] : real = tanh(h_2.1[@])
    output output:h = h                            h[t,@] : real = stack(h_1[@], h_2[@]) {axis: "t"}

An equation along the axis becomes K equations without it. A read k steps before is the copy k steps
before or, outside 1..K, what the quantity is there. A reduction over the axis is the chain of its
operator. What the world gives keeps the axis, which now has the fixed length K; what the world asks for
is put together again by `stack`. Nothing runs along the axis any more, so no loop can come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from ..spec.diagnostics import Diagnostic, SpecError
from ..spec.records import dataclass, replace
from .fixed_step import FixedSteps, corners
from .ir import AFTER, BEFORE, Axis, Boundary, Equation, Position, Read, System, plain, rename
from .operators import TABLE
from .program import Program

MOST = 20_000  # equations along the axis, all steps together
NUMBERS = frozenset({"index", "position"})  # leaves that are a number at a fixed step
CHAINS = {"sum_over": "add", "mean_over": "add", "max_over": "maximum", "logsumexp_over": "logaddexp"}


def unroll(program: Program, system: System, steps: int) -> System:
    """The first ``steps`` steps of a program's equations, for sequences of exactly so many.

    Along the axis of `step` or, where there is none, the time axis declared last; other axes keep their
    loops. A network without a time axis stays as it is."""
    axis = axis_of(program, system, steps)
    if axis is None:
        return system
    return unrolled(system, axis, steps, carried=axis == program.stream, counted=program.counted)


def axis_of(program: Program, system: System, steps: int) -> str | None:
    """The axis that has so many steps; `SpecError` when their equations are too many to be written out."""
    if steps < 1:
        raise ValueError(f"unroll: expected a whole number of steps from 1 up, got {steps}")
    axis = program.stream or next((a.index for a in reversed(system.axes) if a.length), None)
    along = [e for e in system.equations if axis in e.axes]
    if len(along) * steps > MOST:
        raise SpecError([_too_much(along, steps)])
    return axis


def unrolled(
    system: System, axis: str, steps: int, *, carried: bool = False, counted: bool = False
) -> System:
    """The system with one axis unrolled; ``carried``: the steps may be a part of a sequence, whose index goes
    on; ``counted``: whose length a head gives."""
    return _Unrolling(system, axis, steps, carried=carried, counted=counted).result()


def _too_much(along: Sequence[Equation], steps: int) -> Diagnostic:
    count = len(along)
    return Diagnostic(
        "RNN014",
        f"{steps:,} steps of {count:,} equations make {steps * count:,}; at most {MOST:,} can be unrolled",
        next(e.span for e in along if e.span is not None),
        help=f"unroll {MOST // count:,} steps at most, or leave `--unroll` out",
    )


@dataclass(slots=True)
class _Unrolling(FixedSteps):
    """Writes the equations down step by step."""

    carried: bool = False
    counted: bool = False
    moving: frozenset[str] = frozenset()  # what is read along the axis by what keeps it
    ends: dict[str, str] = field(default_factory=dict)  # h.start: h_0

    def __post_init__(self) -> None:
        FixedSteps.__post_init__(self)
        reads = [(e, read) for e in self.system.equations for read in e.reads]
        moving = {read.name for e, read in reads if self._moves(e, read)}
        self.moving = frozenset(moving | {b.name for name in moving for b in self.table[name].boundaries})
        self.ends = dict(end for e in self.system.equations for end in self._ends(e))

    def result(self) -> System:
        """What the world gives, then step after step, what was asked for along the axis, and the rest."""
        equations = self.system.equations
        stepped = [e for e in equations if self._is_stepped(e)]
        first = equations.index(stepped[0]) if stepped else len(equations)
        for equation in stepped:  # their names first: what is made on the way takes others
            for step in range(1, self.steps + 1):
                self.names.at(equation.name, step)
        for number, equation in enumerate(equations):
            if number < first or self._is_kept(equation):
                self._once(equation)
        for step in range(1, self.steps + 1):
            for equation in stepped:
                self._at(equation, step)
        asked = self.moving | {name for _, name in self.system.outputs}
        for equation in (e for e in stepped if e.name in asked):
            self._stack(equation)
        for equation in equations[first:]:
            if self.axis not in equation.axes:
                self._once(equation)
        return self._renamed()

    def _renamed(self) -> System:
        """With a fixed length for the axis, and `h_0` for what stands before `h_1`."""
        names = self.ends
        axes = tuple(Axis(a.index, size=self.steps) if a.index == self.axis else a for a in self.system.axes)
        outputs = tuple((key, names.get(name, name)) for key, name in self.system.outputs)
        return replace(
            self.system, axes=axes, outputs=outputs, equations=tuple(_under(e, names) for e in self.made)
        )

    # --------------------------------------------------------------------------------- what is there

    def _is_kept(self, e: Equation) -> bool:
        """Keeps the axis: what the world gives, and what no chain computes."""
        leaf = "leaf" in TABLE[e.op].traits and e.op not in NUMBERS
        return self.axis in e.axes and (leaf or e.op == "first_max_over")

    def _is_stepped(self, e: Equation) -> bool:
        return self.axis in e.axes and not self._is_kept(e)

    def along(self, read: Read) -> Position | None:
        """Where along the axis something is read; None for what does not have it."""
        places = zip(self.table[read.name].axes, read.at)
        return next((position for axis, position in places if axis == self.axis), None)

    def _moves(self, reader: Equation, read: Read) -> bool:
        """Whether a read follows the axis in what keeps it, or follows another time axis along it."""
        position = self.along(read)
        if position is None or position.over is None:
            return position is not None and position.of not in ("", self.axis)
        return self._is_kept(reader) or (position.over != self.axis and self.axes[position.over].size is None)

    def _lag(self, e: Equation) -> str | None:
        """The lag axis along which an equation reads the last steps of something."""
        positions = [position for read in e.reads if (position := self.along(read)) is not None]
        over = (p.over for p in positions if p.over is not None and p.over != self.axis)
        return next((axis for axis in over if self.axes[axis].size is not None), None)

    def _ends(self, e: Equation) -> Iterable[tuple[str, str]]:
        """What stands one step outside takes its place in the row of names: `h_0`, `h_1`, …"""
        for side, place in ((BEFORE, 0), (AFTER, self.steps + 1)):
            name = e.boundary(((self.axis, side),)) or ""
            if (
                name.startswith(e.name + ".")
                and self.table[name].axes == self.less(e.axes)
                and not corners(e, self.axis)
            ):
                yield name, self.names.at(e.name, place)

    # ----------------------------------------------------------------------- equations without the axis

    def _once(self, e: Equation) -> None:
        """An equation of which there is one."""
        lag = self._lag(e)
        if self._is_kept(e):
            self._keep(e)
        elif e.op == "length" and e.attr("axis") == self.axis and not self.counted:
            self.add(e, "copy", [self.number(e, self.steps)])
        elif e.op == "count" and self.axis in _names(e):
            self._count(e)
        elif lag is not None:
            slots = range(1, (self.axes[lag].size or 0) + 1)
            self.add(e, "stack", [self._piece(e, {lag: slot}) for slot in slots], axis=lag)
        elif any((p := self.along(read)) is not None and p.over == self.axis for read in e.reads):
            self._chain(e)
        else:
            self.made.append(replace(e, reads=self.reads(e, {}), attrs=self.statics(e)))

    def _keep(self, e: Equation) -> None:
        """What keeps the axis, and a copy for each step."""
        self.made.append(
            replace(e, reads=self.reads(e, {}), boundaries=e.boundaries if e.name in self.moving else ())
        )
        for step in range(1, self.steps + 1):
            at = tuple(Position(None, offset=step) if a == self.axis else Position(a) for a in e.axes)
            self.add(self._stepped(e, step), "copy", [Read(e.name, at)])

    def _count(self, e: Equation) -> None:
        """The number of steps times what is counted over the other axes."""
        count = self.temporary(e, "count", (), (), (), axes=self.less(_names(e)))
        self.add(e, "mul", [self.number(e, self.steps), count])

    def _chain(self, e: Equation) -> None:
        """A reduction over the axis, operand by operand."""
        pieces = [self._piece(e, {self.axis: step}) for step in range(1, self.steps + 1)]
        total = self._folded(e, CHAINS.get(e.op, "add"), pieces)
        if e.op == "mean_over":
            total = self.temporary(e, "div", (total, self.number(e, self.steps, e.shape)), e.shape, e.axes)
        self.add(e, "copy", [total])

    def _folded(self, e: Equation, op: str, pieces: Sequence[Read]) -> Read:
        total = pieces[0]
        for piece in pieces[1:]:
            total = self.temporary(e, op, (total, piece), e.shape, e.axes)
        return total

    def _piece(self, e: Equation, at: Mapping[str, int]) -> Read:
        """What an equation is at fixed places along some axes, as an operand."""
        reads = self.reads(e, at)
        axes = tuple(axis for axis in e.axes if axis not in at)
        reduced = {p.over for read in reads for p in read.at if p.over is not None} - set(axes)
        if e.op == "copy" or (e.op in CHAINS and not reduced):
            return reads[0]
        return self.temporary(e, e.op, reads, e.shape, axes, **dict(e.attrs))

    def _stack(self, e: Equation) -> None:
        """A quantity put together from its steps."""
        steps = [plain(self._stepped(e, step)) for step in range(1, self.steps + 1)]
        outside = e.boundaries if e.name in self.moving else ()
        self.add(replace(e, boundaries=outside), "stack", steps, axis=self.axis)

    # --------------------------------------------------------------------------- equations at one step

    def _at(self, e: Equation, step: int) -> None:
        """An equation at one step."""
        made = self._stepped(e, step)
        if dict(e.attrs).get("axis") == self.axis and e.op in AT_A_STEP:
            AT_A_STEP[e.op](self, e, made, step)
        else:
            self.made.append(replace(made, reads=self.reads(e, {self.axis: step}), attrs=self.statics(e)))

    def _stepped(self, e: Equation, step: int) -> Equation:
        """The equation under its name at a step, without the axis."""
        origin = self.table.get(e.origin)
        return replace(
            e,
            name=self.names.at(e.name, step),
            axes=self.less(e.axes),
            boundaries=self._beside(e, step),
            origin=self.names.at(e.origin, step) if origin and self._is_stepped(origin) else e.origin,
        )

    def _beside(self, e: Equation, step: int) -> tuple[Boundary, ...]:
        """Boundaries along other axes, at a step."""
        sides = [b for b in e.boundaries if all(axis != self.axis for axis, _ in b.sides)]
        stepped = (
            b.name if self.axis not in self.table[b.name].axes else self.names.at(b.name, step) for b in sides
        )
        return tuple(replace(b, name=name) for b, name in zip(sides, stepped))

    def _numbered(self, e: Equation, made: Equation, step: int) -> None:
        """The step; with carried state, on top of the steps before."""
        number = self.number(made, step)
        if e.op == "index" and self.carried:
            like = replace(made, name=f"{self.axis}.elapsed")
            before = self.shared(
                "elapsed", lambda: self.temporary(like, "elapsed", (), (), made.axes, axis=self.axis)
            )
            self.add(made, "add", [before, number])
        else:
            self.add(made, "copy", [number])

    def _portion(self, e: Equation, made: Equation, step: int) -> None:
        """A softmax over the steps: the part of one in their log-sum-exp."""

        def total() -> Read:
            values = [self.reads(e, {self.axis: place})[0] for place in range(1, self.steps + 1)]
            return self._folded(replace(made, name=f"{e.name}.total"), "logaddexp", values)

        value = self.reads(e, {self.axis: step})[0]
        self.add(made, "portion", [value, self.shared(("total", e.name), total)])

    def _placed(self, e: Equation, made: Equation, step: int) -> None:
        """What is placed at one step is 0 at the others."""
        statics = dict(self.statics(e))
        if statics["ends"]:
            raise NotImplementedError("a place along one axis that counts with the length of another")
        value = self.reads(e, {self.axis: step})[0]
        self.add(made, "copy", [value if statics["offset"] == step else self.number(made, 0, e.shape)])


AT_A_STEP: dict[str, Callable[[_Unrolling, Equation, Equation, int], None]] = {
    "index": _Unrolling._numbered,
    "position": _Unrolling._numbered,
    "place": _Unrolling._placed,
    "softmax_over": _Unrolling._portion,
}


def _names(e: Equation) -> tuple[str, ...]:
    """The axes that a `count` counts over."""
    axes = e.attr("axes")
    return tuple(str(axis) for axis in axes) if isinstance(axes, tuple) else ()


def _under(e: Equation, names: Mapping[str, str]) -> Equation:
    """The equation with other names for some quantities."""
    reads = tuple(rename(read, names) for read in e.reads)
    boundaries = tuple(replace(b, name=names.get(b.name, b.name)) for b in e.boundaries)
    return replace(e, name=names.get(e.name, e.name), reads=reads, boundaries=boundaries)
