"""What a network costs: operations, functions such as exp, and bytes, told from its equations.

A product of matrices counts two operations for each pair of factors, anything else one for each element. Bytes are
what no order of computing saves: inputs and parameters are read; what the backward pass needs of the forward
pass is written and read again; so is what waits to be summed over all steps; gradients are written. All else is
taken to stay in cache. So time is at least operations, functions and bytes, each over what a machine does at best."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from ..spec.records import dataclass, replace
from .ir import BATCH, Equation, System
from .operators import TABLE
from .operators.products import letters
from .passes import NAMES, PASSES
from .passes.dead import drop_dead

BYTES = 4  # of a number, in single precision
# Passes to leave out so that every quantity keeps its own products and functions: those for speed alone.
AS_WRITTEN = frozenset(NAMES) - {one.name for one in PASSES}
LEAVES = ("param", "input", "noise")


@dataclass(frozen=True, slots=True)
class Cost:
    """Numbers of floating-point operations, of functions such as exp, of bytes."""

    flops: float = 0.0
    functions: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.functions + other.functions, self.bytes + other.bytes)


Costs = dict[str, Cost]  # by quantity of the spec


def training_costs(
    forward: System, adjoint: System, dims: Mapping[str, int], extents: Mapping[str, int]
) -> tuple[Costs, Costs]:
    """Of the forward and of the backward pass of one training step, which wants the gradients of parameters alone.
    ``extents`` are the lengths of all axes, the batch's among them."""
    gradients = tuple(output for output in adjoint.outputs if output[0].startswith("grad:"))
    adjoint = drop_dead(replace(adjoint, outputs=gradients))
    read = {read.name for e in adjoint.equations for read in e.reads}
    tape = [e for e in adjoint.given if e.name in read]
    count = _Counter({**forward.table(), **adjoint.table()}, dims, extents)
    there = _Counted()
    for equation in forward.equations:
        there.add(equation, count.work(equation))
    written = {e.name for e in tape}
    for equation in forward.equations:
        if equation.op in LEAVES or equation.name in written:
            there.add(equation, count.transfer(equation))
    back = _Counted()
    for equation in adjoint.equations:
        back.add(equation, count.work(equation))
    waiting = _waiting(adjoint)
    for name in (*(e.name for e in tape), *waiting, *waiting, *(name for _, name in gradients)):
        back.add(count.table[name], count.transfer(count.table[name]))
    return there.costs, back.costs


def extents(system: System, steps: int, rows: int) -> dict[str, int]:
    """Of every axis, where all sequences have so many steps."""
    found = {axis.index: steps if axis.size is None else axis.size for axis in system.axes}
    return {**found, BATCH: rows}


def total(*parts: Mapping[str, Cost]) -> Cost:
    return sum((cost for costs in parts for cost in costs.values()), Cost())


def _waiting(system: System) -> list[str]:
    """What is read over a whole axis by something that lacks it: it waits for its last step."""
    own = {e.name for e in system.equations}
    reads = ((e, read) for e in system.equations for read in e.reads if read.name in own)
    found = (r.name for e, r in reads if any(p.over is not None and p.over not in e.axes for p in r.at))
    return list(dict.fromkeys(found))


class _Counted:
    def __init__(self) -> None:
        self.costs: Costs = {}

    def add(self, equation: Equation, cost: Cost) -> None:
        name = equation.origin or equation.name
        self.costs[name] = self.costs.get(name, Cost()) + cost


@dataclass(frozen=True, slots=True)
class _Counter:
    table: Mapping[str, Equation]
    dims: Mapping[str, int]
    extents: Mapping[str, int]

    def work(self, equation: Equation) -> Cost:
        """Operations and functions of an equation at all its points."""
        traits = TABLE[equation.op].traits
        if traits & {"leaf", "view", "identity", "moves"}:
            return Cost()
        over = {p.over for read in equation.reads for p in read.at if p.over is not None}
        points = prod(self.extents[axis] for axis in over | set(equation.axes))
        elements = points * self.features(equation)
        pairs = equation.op == "einsum" and elements > self.elements(equation)
        return Cost(elements * (2 if pairs else 1), elements if "transcendental" in traits else 0)

    def features(self, equation: Equation) -> int:
        """How many there are at one point: pairs of factors, else those of the largest operand or the result."""
        shapes = [self.table[read.name].shape for read in equation.reads]
        if equation.op == "einsum":
            names = letters(str(equation.attr("spec")))[0]
            sizes = {name: size for word, shape in zip(names, shapes) for name, size in zip(word, shape)}
            return prod(size.value(self.dims) for size in sizes.values())
        return max(prod(size.value(self.dims) for size in shape) for shape in (equation.shape, *shapes))

    def transfer(self, equation: Equation) -> Cost:
        """The bytes of a quantity, once. A view has none of its own."""
        if TABLE[equation.op].traits & {"view", "identity"}:
            return Cost()
        return Cost(bytes=BYTES * self.elements(equation))

    def elements(self, equation: Equation) -> int:
        points = prod(self.extents[axis] for axis in equation.axes)
        return points * prod(size.value(self.dims) for size in equation.shape)
