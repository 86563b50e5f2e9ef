"""What an output can depend on, told from the equations' delays alone: by demand, instance by instance."""

from __future__ import annotations

from collections.abc import Mapping

from .compiler.ir import BATCH
from .compiler.program import Program
from .compiler.reference import Evaluator, Key
from .runtime.properties.subject import Reads


def reached(program: Program, output: str, point: tuple[int, ...], steps: Mapping[str, int]) -> Reads:
    """The inputs, with their steps, to which the delays lead from an output at a point (from 1), in a batch of
    one full sequence."""
    import numpy as np

    lengths = {axis.length: np.array([steps[axis.index]]) for axis in program.forward.axes if axis.length}
    evaluator = Evaluator(program.forward, {}, lengths, dict(program.dims))
    name = program.forward.output(f"output:{output}")
    rows = (0,) if BATCH in evaluator.table[name].axes else ()
    found = (
        key for key in _spread(evaluator, (name, (*point, *rows))) if evaluator.table[key[0]].op == "input"
    )
    return frozenset((name, _steps(evaluator.table[name].axes, indices)) for name, indices in found)


def _spread(evaluator: Evaluator, start: Key) -> set[Key]:
    """Everything that can be reached from the start."""
    seen, pending = set[Key](), [start]
    while pending:
        key = pending.pop()
        if key not in seen:
            seen.add(key)
            pending += evaluator.sources(*key)
    return seen


def _steps(axes: tuple[str, ...], indices: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i for axis, i in zip(axes, indices) if axis != BATCH)
