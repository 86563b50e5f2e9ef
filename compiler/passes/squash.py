"""Squash: sigmoid(a) is tanh(a / 2) / 2 + 1/2, and the half goes into the weights that a is made of.

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    W : real[n,n] = param() {name: "W"}
    a[t,@] : real[n] = einsum(W, x[t,@]) {spec: "ij,j->i"}
    s[t,@] : real[n] = sigmoid(a[t,@])
    output output:s = s

becomes

    axis t = 1..T
    axis @
    x[t,@] : real[n] = input() {name: "x"}
    W : real[n,n] = param() {name: "W"}
    s.1 : real = number() {value: 0.5}
    s.2 : real[n,n] = expand(s.1) {sizes: (<n>, <n>)}
    s.3 : real[n,n] = mul(W, s.2)
    a[t,@] : real[n] = einsum(s.3, x[t,@]) {spec: "ij,j->i"}
    s.4[t,@] : real[n] = tanh(a[t,@])
    s.5 : real[n] = expand(s.1) {sizes: (<n>)}
    s.6[t,@] : real[n] = mul(s.4[t,@], s.5)
    s[t,@] : real[n] = add(s.6[t,@], s.5)
    output output:s = s

Gates that are joined are squashed by one tanh, whichever of the two each has. A sum is halved term by term, a
product in the factor that follows from parameters; where something else reads the same, or a term has no
such factor, the sigmoid stays outside of recurrences, and inside is taken apart as it is, half and all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import field

from ...spec.records import dataclass, replace
from ...spec.sizes import Size
from ..ir import BATCH, Attr, Equation, Read, System, here
from ..ir import attrs as attributes
from ..operators import TABLE
from ..schedule import cycles_of
from .rewriting import Temporaries

HALF = 0.5
Scale = tuple[float, ...]  # one factor for each step of the quantity's axis of fixed length; else one factor


def squash(system: System) -> System:
    """The system with every sigmoid that can be a tanh; the same object when there is none."""
    work = _Work(system)
    for equation in system.equations:
        if work.table[equation.name].op == "sigmoid":
            work.squash(equation.reads[0].name)
    cycles = cycles_of(system)
    for name in [name for name, e in work.table.items() if e.op == "sigmoid" and name in cycles]:
        work.halve(work.table[name])
    if not work.changed:
        return system
    given = {e.name for e in system.given}
    return system.with_equations(e for name, e in work.table.items() if name not in given)


class _Fixed(Exception):
    """A term without a factor that follows from parameters, or something that others read as it is."""


@dataclass(slots=True)
class _Work:
    system: System
    table: dict[str, Equation] = field(init=False)
    names: Temporaries = field(init=False)
    readers: dict[str, list[tuple[str, Read]]] = field(init=False)
    asked: set[str] = field(init=False)
    sizes: Mapping[str, int] = field(init=False)
    changed: bool = False
    old: dict[str, Equation | None] = field(default_factory=dict)  # what is to be undone, if need be
    numbers: dict[object, Read] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = self.system.table()
        self.names = Temporaries(self.table)
        self.readers = defaultdict(list)
        for e in self.system.equations:
            for read in e.reads:
                self.readers[read.name].append((e.name, read))
        self.asked = {name for _, name in self.system.outputs} | {e.name for e in self.system.given}
        self.asked |= {b.name for e in self.system.equations for b in e.boundaries}
        self.sizes = {a.index: a.size for a in self.system.axes if a.size is not None and not a.length}

    def squash(self, name: str) -> None:
        """The sigmoids that read a quantity, all or none of them."""
        e = self.table.get(name)
        if e is None:
            return
        readers = self.readers[name]
        gates = [(reader, read) for reader, read in readers if self.table[reader].op == "sigmoid"]
        self.old = {}
        try:
            scale = [1.0] * self._count(e)
            for _, read in gates:
                for step in self._steps(e, read):
                    scale[step] = HALF
            self._scale(e, tuple(scale), {reader for reader, _ in gates})
            self._gates(self.table[name], readers)
            self.changed = True
        except _Fixed:
            for name, equation in self.old.items():
                self.table.pop(name)
                self.table.update({name: equation} if equation is not None else {})
            self.numbers = {shape: read for shape, read in self.numbers.items() if read.name in self.table}

    def halve(self, gate: Equation) -> None:
        """A sigmoid whose half goes nowhere, by the same four calls that a function of its own would make."""
        half = self._number(gate, gate.shape)
        halved = self._made(gate, "mul", gate.reads[0], half, axes=gate.axes, shape=gate.shape)
        tanh = self._made(gate, "tanh", halved, axes=gate.axes, shape=gate.shape)
        product = self._made(gate, "mul", tanh, half, axes=gate.axes, shape=gate.shape)
        self._put(replace(gate, op="add", reads=(product, half)))
        self.changed = True

    # ---------------------------------------------------------------------------------- the half goes in

    def _scale(self, e: Equation, scale: Scale, readers: set[str]) -> None:
        """Redefine what is computed at every step, scaled, for ``readers``; others must not notice."""
        scaled = {step for step, factor in enumerate(scale) if factor != 1}
        others = [read for reader, read in self.readers[e.name] if reader not in readers]
        noticed = any(scaled & set(self._steps(e, read)) for read in others)
        if noticed or e.name in self.asked or e.boundaries or BATCH not in e.axes:
            raise _Fixed
        traits = TABLE[e.op].traits
        if "linear" in traits and "elementwise" in traits and len(e.reads) == 2:
            reads = self._terms(e, scale)
        elif "bilinear" in traits and len(e.reads) == 2:
            reads = self._product(e, scale)
        else:
            raise _Fixed
        self._put(replace(e, reads=reads))

    def _terms(self, e: Equation, scale: Scale) -> tuple[Read, ...]:
        """The terms of a scaled sum. What is added to itself is scaled once."""
        one, other = e.reads
        if one.name == other.name and BATCH in self.table[one.name].axes:
            steps = (set(self._steps(self.table[one.name], read)) for read in e.reads)
            if one != other and set.intersection(*steps):
                raise _Fixed
        first = self._term(e, one, scale)
        return first, first if one == other else self._term(e, other, scale)

    def _term(self, e: Equation, read: Read, scale: Scale) -> Read:
        """A term of a scaled sum."""
        source = self.table[read.name]
        if BATCH not in source.axes:
            return self._weight(e, read, scale)
        inner = [1.0] * self._count(source)
        for outer, step in self._pairs(e, source, read):
            inner[step] = scale[outer]
        if len(set(scale)) > 1 and len(inner) == 1:
            raise _Fixed
        self._scale(source, tuple(inner), {e.name})
        return read

    def _product(self, e: Equation, scale: Scale) -> tuple[Read, ...]:
        """A scaled product: the factor that follows from parameters takes the scale."""
        weights = [n for n, read in enumerate(e.reads) if BATCH not in self.table[read.name].axes]
        if len(weights) != 1:
            raise _Fixed
        reads = list(e.reads)
        reads[weights[0]] = self._weight(e, reads[weights[0]], scale)
        return tuple(reads)

    def _weight(self, e: Equation, read: Read, scale: Scale) -> Read:
        """What is computed once per call, scaled: a new quantity, for the old one has other readers."""
        source = self.table[read.name]
        plain = read.at == here(source.axes)
        if len(set(scale)) == 1 and (plain or not source.axes):
            return self._times(e, read, scale[0])
        if plain and source.op in ("concat", "expand"):  # its parts, each by itself
            parts = (self._weight(e, part, scale) for part in source.reads)
            statics = dict(source.attrs)
            return self._made(e, source.op, *parts, axes=source.axes, shape=source.shape, **statics)
        return self._part(e, source, read, scale)

    def _part(self, e: Equation, source: Equation, read: Read, scale: Scale) -> Read:
        """Some members of a stack, each scaled by itself."""
        axis = dict(source.attrs).get("axis")
        if source.op != "stack" or source.axes != (axis,):
            raise _Fixed
        steps = sorted(self._pairs(e, source, read))
        members = [self._times(e, source.reads[step], scale[outer]) for outer, step in steps]
        own = next((a for a in e.axes if a in self.sizes and self.sizes[a] == len(members)), None)
        if own is None:
            raise _Fixed
        return self._made(e, "stack", *members, axes=(own,), shape=source.shape, axis=own)

    def _times(self, e: Equation, read: Read, factor: float) -> Read:
        if factor == 1:
            return read
        source = self.table[read.name]
        number = self._number(e, source.shape)
        return self._made(e, "mul", read, number, axes=source.axes, shape=source.shape)

    # ------------------------------------------------------------------------------------- what reads it

    def _gates(self, e: Equation, readers: list[tuple[str, Read]]) -> None:
        """tanh for all readers at once where each is a sigmoid or a tanh, else for each sigmoid."""
        ops = {self.table[reader].op for reader, _ in readers}
        like = self.table[next(r for r, _ in readers if self.table[r].op == "sigmoid")]
        whole = len(readers) > 1 and ops <= {"sigmoid", "tanh"}
        squashed = replace(like, name=e.name)  # what is squashed together has the name of all
        name = (
            self._made(squashed, "tanh", Read(e.name, here(e.axes)), axes=e.axes, shape=e.shape).name
            if whole
            else ""
        )
        for reader, read in readers:
            gate = self.table[reader]
            if gate.op == "tanh" and whole:
                self._put(replace(gate, op="copy", reads=(replace(read, name=name),)))
            elif gate.op == "sigmoid":
                tanh = replace(read, name=name) if whole else None
                tanh = tanh or self._made(gate, "tanh", read, axes=gate.axes, shape=gate.shape)
                half = self._number(gate, gate.shape)
                product = self._made(gate, "mul", tanh, half, axes=gate.axes, shape=gate.shape)
                self._put(replace(gate, op="add", reads=(product, half)))

    def _put(self, equation: Equation) -> None:
        """An equation, new or in place of the old one, after what it reads."""
        before = self.table.pop(equation.name, None)
        self.old.setdefault(equation.name, before)
        self.table[equation.name] = equation

    # ------------------------------------------------------------------------------------------- helpers

    def _count(self, e: Equation) -> int:
        """How many steps the quantity's axis of fixed length has; 1 without one."""
        axes = [axis for axis in e.axes if axis in self.sizes]
        if len(axes) > 1:
            raise _Fixed
        return self.sizes[axes[0]] if axes else 1

    def _steps(self, source: Equation, read: Read) -> list[int]:
        """The steps (0-based) of the quantity's axis that a read takes."""
        axis = next((n for n, a in enumerate(source.axes) if a in self.sizes), None)
        if axis is None:
            return [0]
        place = read.at[axis]
        if place.ends:
            raise _Fixed
        count = 1 if place.over is None else self.sizes.get(place.over, 0)
        first = place.offset - (place.over is None)
        if first < 0 or first + count > self._count(source):
            raise _Fixed
        return list(range(first, first + count))

    def _pairs(self, e: Equation, source: Equation, read: Read) -> list[tuple[int, int]]:
        """(step of the reader's axis, step of the quantity read), for every step read."""
        steps = self._steps(source, read)
        count = self._count(e)
        if count == len(steps):
            return list(enumerate(steps))
        if len(steps) == 1:
            return [(n, steps[0]) for n in range(count)]
        raise _Fixed

    def _number(self, like: Equation, shape: tuple[Size, ...]) -> Read:
        """One half, in a shape."""
        if shape not in self.numbers:
            if () not in self.numbers:
                self.numbers[()] = self._made(like, "number", value=HALF)
            if shape:
                half = self.numbers[()]
                self.numbers[shape] = self._made(like, "expand", half, shape=shape, sizes=shape)
        return self.numbers[shape]

    def _made(
        self,
        like: Equation,
        op: str,
        *reads: Read,
        axes: tuple[str, ...] = (),
        shape: tuple[Size, ...] = (),
        **statics: Attr,
    ) -> Read:
        """A further equation."""
        name = self.names.fresh(like.name)
        made = Equation(name, axes, shape, "real", op, reads, attributes(**statics))
        self._put(replace(made, span=like.span, origin=like.origin))
        return Read(made.name, here(axes))
