"""Zeros added to what a network remembers: the gradient with respect to them is that of the loss with
respect to the memory.

A recurrence edge is a read across steps that lies on a cycle: `h[t-1]` in what `h[t]` needs. With probes

    h.1[t,@] = einsum(W, h[t-1,@])            h.probe.1[t,@] = input()
    h[t,@] = tanh(h.1[t,@])                   h.edge.1[t,@] = add(h[t-1,@], h.probe.1[t,@])
                                              h.1[t,@] = einsum(W, h.edge.1[t,@])
                                              h.0[t,@] = tanh(h.1[t,@])
                                              h.probe.0[t,@] = input()
                                              h[t,@] = add(h.0[t,@], h.probe.0[t,@])

`dinput:h.probe.0` is ∂L/∂h[t] and `dinput:h.probe.1` the part of ∂L/∂h[t-1] that comes through the edge.
Cut (`h.edge.1 = stop_gradient(h[t-1]) + h.probe.1`), nothing goes further back than a step, and the gradient of
a component of h[t] is a row of the recurrent Jacobian at t: of all steps at once.

The names of what is added end in a number, which no quantity's name does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from ..spec.records import dataclass, replace
from ..spec.sizes import Size
from .ir import BATCH, Equation, Position, Read, System, attrs, here
from .operators.terms import Builder, Term, apply
from .program import Input, Program
from .schedule import cycles_of

LAST, FIRST = "loss.last.0", "loss.first.0"  # the loss of every sequence's last step, and of its first
SQUASHING = ("tanh", "sigmoid", "relu")


@dataclass(frozen=True, slots=True)
class Edge:
    """The quantity ``of`` read ``delay`` steps before along an axis (behind, if negative); ``probe`` is the
    input added to what is read, ``cycle`` the number of the cycle it lies on."""

    of: str
    axis: str
    delay: int
    probe: str
    cycle: int
    label: str


@dataclass(frozen=True, slots=True)
class Memory:
    """A quantity with edges: its ``axes`` (without the batch) and sizes; ``probe`` is the input added to it."""

    name: str
    axes: tuple[str, ...]
    shape: tuple[Size, ...]
    probe: str
    cycle: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A tanh, sigmoid or relu along an axis: ``output`` is the key of its value, ``origin`` the quantity in
    whose equation it stands."""

    op: str
    origin: str
    axes: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class Probed:
    """A program with probes: further inputs, of the names of the edges' and memories' probes; further
    outputs: each memory under the name of its probe, the units, and the losses at both ends."""

    program: Program
    edges: tuple[Edge, ...]
    memories: tuple[Memory, ...]
    units: tuple[Unit, ...]


def probed(program: Program, cut: bool) -> Probed:
    """The program with probes on its edges and memories; ``cut``: no gradient goes further than a step."""
    return _Probing(program, cut).result()


@dataclass(slots=True)
class _Probing:
    program: Program
    cut: bool
    cycles: Mapping[str, int] = field(init=False)
    table: Mapping[str, Equation] = field(init=False)
    edges: dict[Read, Edge] = field(default_factory=dict)
    sums: dict[Read, Read] = field(default_factory=dict)  # what is read through an edge in its place
    memories: dict[str, Memory] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    made: list[Equation] = field(default_factory=list)

    def result(self) -> Probed:
        system = self.program.forward
        self.cycles, self.table = cycles_of(system), system.table()
        for equation in system.equations:
            for read in equation.reads:
                self._find(equation, read)
        for equation in system.equations:
            self.made += self._with_memory(self._through_edges(equation))
        units = tuple(self._units())
        outputs = [(f"output:{memory.probe}", memory.name) for memory in self.memories.values()]
        outputs += [(f"output:{unit.output}", unit.output.removesuffix(".unit.0")) for unit in units]
        outputs += [(f"output:{key}", self._loss_at(key)) for key in (LAST, FIRST)]
        forward = System(system.axes, tuple(self.made), (*system.outputs, *outputs))
        program = replace(self.program, inputs=(*self.program.inputs, *self.inputs), forward=forward)
        return Probed(program, tuple(self.edges.values()), tuple(self.memories.values()), units)

    # edges and what they come from

    def _find(self, reader: Equation, read: Read) -> None:
        """Notes the edge that a read is, if it is one, and makes its sum."""
        source = self.table[read.name]
        cycle = self.cycles.get(source.name)
        if cycle is None or cycle != self.cycles.get(reader.name) or source.type != "real":
            return
        moved = [(axis, p.offset) for axis, p in zip(source.axes, read.at) if p.over == axis and p.offset]
        if not moved or read in self.edges:
            return
        (axis, offset), *_ = moved
        axes = tuple(a for a in source.axes if a != BATCH)
        memory = Memory(source.name, axes, source.shape, f"{source.name}.probe.0", cycle)
        self.memories.setdefault(source.name, memory)
        number = 1 + sum(edge.of == source.name for edge in self.edges.values())
        places = ",".join(f"{p.over}{p.offset:+d}" if p.offset else str(p.over) for p in read.at[: len(axes)])
        probe, label = f"{source.name}.probe.{number}", f"{source.name}[{places}]"
        self.edges[read] = Edge(source.name, axis, -offset, probe, cycle, label)
        self.sums[read] = self._sum(source, read, number, probe)

    def _sum(self, source: Equation, read: Read, number: int, probe: str) -> Read:
        """What is read through an edge and the edge's probe, added."""
        name = f"{source.name}.edge.{number}"
        builder = Builder(prefix=name, span=source.span, origin=source.name)
        value = builder.term(source, read.at)
        added = self._probe(probe, replace(source, axes=value.axes))
        if self.cut:
            value = apply("stop_gradient", value)
        total = builder.apply("add", value, builder.term(added), name=name)
        self.made += [added, *builder.equations.values()]
        return total.read

    def _through_edges(self, equation: Equation) -> Equation:
        """The equation, reading the edges' sums."""
        mine = self.cycles.get(equation.name)

        def through(read: Read) -> Read:
            return self.sums[read] if read in self.sums and self.edges[read].cycle == mine else read

        return replace(equation, reads=tuple(map(through, equation.reads)))

    def _with_memory(self, equation: Equation) -> Iterator[Equation]:
        """A memory is what it was, under another name, and its probe; its boundaries stay its own."""
        memory = self.memories.get(equation.name)
        if memory is None:
            yield equation
            return
        own = replace(equation, name=f"{equation.name}.0", boundaries=())
        added = self._probe(memory.probe, equation)
        reads = tuple(Read(part, here(equation.axes)) for part in (own.name, added.name))
        yield own
        yield added
        yield replace(equation, op="add", reads=reads, attrs=())

    def _probe(self, name: str, like: Equation) -> Equation:
        axes = tuple(axis for axis in like.axes if axis != BATCH)
        self.inputs.append(Input(name, axes, like.shape, "real", None, like.span))
        return Equation(
            name, like.axes, like.shape, "real", "input", (), attrs(name=name), (), like.span, name
        )

    # what is looked at

    def _units(self) -> Iterator[Unit]:
        along = {edge.axis for edge in self.edges.values()}
        for equation in self.made:
            if equation.op in SQUASHING and along & set(equation.axes):
                axes = tuple(axis for axis in equation.axes if axis != BATCH)
                yield Unit(equation.op, equation.origin, axes, f"{equation.name}.unit.0")

    def _loss_at(self, key: str) -> str:
        """The loss of every sequence at one end; without a loss, the sum of all outputs' components there."""
        builder = Builder(prefix=key.removesuffix(".0"))
        table = {equation.name: equation for equation in self.made}
        terms = [
            self._at_end(builder, table[name], key) * weight for name, weight in self.program.losses
        ] or [
            self._at_end(builder, table[name], key)
            for output, name in self.program.forward.outputs
            if output.startswith("output:") and table[name].type == "real"
        ]
        total = terms[0] if terms else builder.number(0.0)
        for term in terms[1:]:
            total = total + term
        zero = builder.number(0.0)
        builder.apply("add", total, zero, over=(BATCH,), name=key)
        self.made += builder.equations.values()
        return key

    def _at_end(self, builder: Builder, equation: Equation, key: str) -> Term:
        """A quantity at the first or last step of every axis, its components added up."""
        places = {
            axis: Position(None, 1, axis) if key == LAST else Position(None, offset=1)
            for axis in equation.axes
            if axis != BATCH
        }
        term = builder.term(equation, [places.get(axis, Position(axis)) for axis in equation.axes])
        while term.shape:
            term = apply("sum", term)
        return term
