"""A network's numbers from its equations alone, by the reference evaluator: as the checker hands them on, and
after every pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .compiler.differentiate import differentiate
from .compiler.driver import Compiled
from .compiler.ir import System
from .compiler.passes import BACK, LOOPS, PASSES, ROUNDS, TEXTBOOK, WIDE, Pass
from .compiler.reference import Evaluator

# How outputs of equations are called among a module's results (`runtime.properties.observe`).
PARTS = {"output": "outputs", "nll": "nll", "state": "state", "grad": "grad", "dinput": "dbatch",
         "dstate": "dstate"}  # fmt: skip


Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `forward` and `backward` take, and every dim; cotangents by output key."""

    params: Mapping[str, Any]
    batch: Mapping[str, Any]
    state: Mapping[str, Any] | None
    cotangents: Mapping[str, Any]
    dims: Mapping[str, int]


def as_checked(compiled: Compiled, given: Arguments) -> Results:
    """All results and gradients, of the equations that no pass has seen."""
    forward = compiled.program.forward
    return {**values(forward, None, given), **values(_adjoint(compiled, forward), forward, given)}


Recipe = Sequence[tuple[Sequence[Pass], bool]]  # passes, and whether they run once
RECIPES: dict[int, tuple[Recipe, Recipe]] = {
    0: ([(TEXTBOOK, False)], [(BACK, False)]),
    2: ([(PASSES, False), (WIDE, True), (PASSES, False), (LOOPS, True)], [(PASSES, False), (LOOPS, True)]),
}
"""Forward and backward, by level: what `compiler.driver` runs, in its order."""


def after_passes(
    compiled: Compiled, given: Arguments, recipes: Mapping[int, tuple[Recipe, Recipe]] = RECIPES
) -> Iterator[tuple[str, Results, Results]]:
    """The results before and after every pass that changes an equation: of the forward equations, then of the
    gradient's."""
    there, back = recipes[compiled.options.level]
    forward = compiled.program.forward
    before = values(forward, None, given)
    for name, system in _changes(forward, there):
        after = values(system, None, given)
        yield f"`{name}` on the forward equations", before, after
        forward, before = system, after
    adjoint = _adjoint(compiled, forward)
    before = values(adjoint, forward, given)
    for name, system in _changes(adjoint, back):
        after = values(system, forward, given)
        yield f"`{name}` on the gradient's equations", before, after
        before = after


def _changes(system: System, recipe: Recipe) -> Iterator[tuple[str, System]]:
    for passes, once in recipe:
        for _ in range(1 if once else ROUNDS):
            before = system
            for one in passes:
                after = one.run(system)
                if after is not system:
                    yield one.name, after
                    system = after
            if system is before:
                break


def _adjoint(compiled: Compiled, forward: System) -> System:
    return differentiate(forward, [key for key, _ in compiled.adjoint.outputs])


def values(system: System, forward: System | None, given: Arguments) -> Results:
    """Every output under the name that the module's result has; ``forward`` belongs to an adjoint system."""
    evaluator = Evaluator(system, given.params, given.batch, given.dims, state=given.state,
                          cotangents=given.cotangents, forward=forward)  # fmt: skip
    found = {}
    for key, name in system.outputs:
        part, _, rest = key.partition(":")
        if key == "loss" or part in PARTS:
            found[f"{PARTS[part]}.{rest}" if rest else key] = evaluator.array(name)
    return found
