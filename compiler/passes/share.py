"""Share: quantities defined alike are one quantity.

    axis t = 1..T
    axis @
    x[t,@] : real = input() {name: "x"}
    a[t,@] : real = tanh(x[t-1,@])
    b[t,@] : real = tanh(x[t-1,@])
    c[t,@] : real = add(a[t,@], b[t-2,@])
    output output:c = c

becomes

    axis t = 1..T
    axis @
    x[t,@] : real = input() {name: "x"}
    a[t,@] : real = tanh(x[t-1,@])
    c[t,@] : real = add(a[t,@], a[t-2,@])
    output output:c = c

An adjoint system finds what the forward system has computed among its given equations. Outputs keep
equations of their own."""

from __future__ import annotations

from ...spec.records import replace
from ..ir import Equation, System, rename
from ..operators import TABLE


def share(system: System) -> System:
    """The system with each value defined once."""
    names = _alike(system)
    while names:
        kept = (equation for equation in system.equations if equation.name not in names)
        system = system.with_equations(_renamed(equation, names) for equation in kept)
        names = _alike(system)
    return system


def _alike(system: System) -> dict[str, str]:
    """Equations that repeat another, with the name of that other."""
    # a number is written where it is used: reading one of the forward system says nothing
    forward = [equation for equation in system.given if equation.op != "number"]
    own = {name for _, name in system.outputs} | {equation.name for equation in forward}
    names: dict[str, str] = {}
    alone: dict[object, Equation | None] = {}  # by operator and operands; None when there are several
    first: dict[object, str] = {}
    for equation in (*reversed(forward), *system.equations):
        kind = _kind(equation, names)
        if kind not in alone:
            alone[kind] = equation
            continue
        if (other := alone[kind]) is not None:
            first[_value(other, names)], alone[kind] = other.name, None
        known = first.setdefault(_value(equation, names), equation.name)
        if known != equation.name and equation.name not in own:
            names[equation.name] = known
    return names


def _kind(equation: Equation, names: dict[str, str]) -> object:
    """What tells most values apart, and is quick to look up: names of operands, wherever they are read."""
    operands = [read.name for read in equation.reads]
    operands = [names.get(name, name) for name in operands] if names else operands
    return equation.op, frozenset(operands) if operands else equation.attrs


def _value(equation: Equation, names: dict[str, str]) -> object:
    """What two equations of one value have in common."""
    e, reads = equation, tuple(rename(read, names) for read in equation.reads)
    operands: object = frozenset(reads) if "commutative" in TABLE[e.op].traits else reads
    return e.op, operands, e.attrs, e.axes, e.shape, e.type, e.boundaries


def _renamed(equation: Equation, names: dict[str, str]) -> Equation:
    if names.keys().isdisjoint(equation.sources()):
        return equation
    reads = tuple(rename(read, names) for read in equation.reads)
    boundaries = tuple(replace(b, name=names.get(b.name, b.name)) for b in equation.boundaries)
    return replace(equation, reads=reads, boundaries=boundaries)
