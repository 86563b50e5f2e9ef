"""A network's numbers from its equations alone, by the reference evaluator: as the checker hands them on, and
after every pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .compiler.differentiate import differentiate
from .compiler.driver import Compiled
from .compiler.ir import System
from .compiler.passes import ORDERS, Order, Run, changes
from .compiler.reference import Evaluator, Shaken

# How outputs of equations are called among a module's results (`runtime.properties.observe`).
PARTS = {"output": "outputs", "nll": "nll", "state": "state", "grad": "grad", "dinput": "dbatch",
         "dstate": "dstate"}  # fmt: skip
FORWARD, GRADIENT = "the forward equations", "the gradient's equations"


Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `forward` and `backward` take, and every dim; cotangents by output key."""

    params: Mapping[str, Any]
    batch: Mapping[str, Any]
    state: Mapping[str, Any] | None
    cotangents: Mapping[str, Any]
    dims: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Equations:
    """A system, an adjoint one with the ``forward`` one that it reads."""

    system: System
    forward: System | None = None

    def values(self, given: Arguments, seed: int | None = None, single: bool = False) -> Results:
        """Every output under the name that the module's result has; with a ``seed``, every number on the way off
        by its last bit (``single``: float32's)."""
        evaluator = self._evaluator(given, seed, single)
        found = {}
        for key, name in self.system.outputs:
            part, _, rest = key.partition(":")
            if key == "loss" or part in PARTS:
                found[f"{PARTS[part]}.{rest}" if rest else key] = evaluator.array(name)
        return found

    def _evaluator(self, given: Arguments, seed: int | None, single: bool) -> Evaluator:
        arguments = (self.system, given.params, given.batch, given.dims)
        more: dict[str, Any] = {"state": given.state, "cotangents": given.cotangents, "forward": self.forward}
        if seed is None:
            return Evaluator(*arguments, **more)
        return Shaken(*arguments, **more, seed=seed, single=single)


@dataclass(frozen=True, slots=True)
class Step:
    """A pass that changed something, for the ``number``-th time: ``part`` is `FORWARD` or `GRADIENT`."""

    name: str
    part: str
    number: int
    before: Equations
    after: Equations

    def __str__(self) -> str:
        return f"`{self.name}` on {self.part}"


def checked(compiled: Compiled) -> tuple[Equations, Equations]:
    """The equations that no pass has seen, and their gradient's."""
    forward = compiled.program.forward
    return Equations(forward), adjoint(compiled, forward)


def as_checked(
    compiled: Compiled, given: Arguments, seed: int | None = None, single: bool = False
) -> Results:
    """All results and gradients, of the equations that no pass has seen; see `Equations.values`."""
    forward, gradient = checked(compiled)
    return {**forward.values(given, seed, single), **gradient.values(given, seed, single)}


def adjoint(compiled: Compiled, forward: System) -> Equations:
    """The gradient's equations of some forward ones, as they are made."""
    return Equations(differentiate(forward, [key for key, _ in compiled.adjoint.outputs]), forward)


def steps(compiled: Compiled, order: Order | None = None) -> Iterator[Step]:
    """Every pass that changes an equation, in the driver's order."""
    order = order or ORDERS[compiled.options.level]
    skip, seen = compiled.options.skip, dict[tuple[str, str], int]()

    def through(part: str, runs: Iterable[Run], before: Equations) -> Iterator[Step]:
        for name, system in changes(before.system, runs, skip):
            seen[name, part] = seen.get((name, part), 0) + 1
            after = replace(before, system=system)
            yield Step(name, part, seen[name, part], before, after)
            before = after

    forward = Equations(compiled.program.forward)
    for step in through(FORWARD, (*order.small, *order.fast), forward):
        yield step
        forward = step.after
    yield from through(GRADIENT, order.gradient, adjoint(compiled, forward.system))
    yield from through(FORWARD, order.last, forward)


def after_passes(
    compiled: Compiled, given: Arguments, order: Order | None = None
) -> Iterator[tuple[str, Results, Results]]:
    """The results before and after every pass that changes an equation: of the forward equations, then of the
    gradient's."""
    known: tuple[Equations, Results] | None = None
    for step in steps(compiled, order):
        before = known[1] if known and known[0] is step.before else step.before.values(given)
        after = step.after.values(given)
        known = step.after, after
        yield str(step), before, after
