"""What an output can depend on, told from the equations alone: by demand, instance by instance."""

from __future__ import annotations

from collections.abc import Mapping

from .compiler.ir import BATCH, Equation
from .compiler.operators import TABLE
from .compiler.program import Program
from .compiler.reference import Evaluator, Key
from .runtime.properties.subject import Reads

# Operators that pass a change on for certain, given arguments that are not special.
CERTAIN = frozenset(
    "add sub mul neg div exp expm1 square tanh sigmoid softplus sin cos sum mean cumsum einsum outer expand "
    "concat transpose copy sum_over mean_over softmax softmax_over logsumexp logsumexp_over input".split()
)


def reached(program: Program, output: str, point: tuple[int, ...], steps: Mapping[str, int]) -> Reads:
    """The inputs that an output at a point (from 1) depends on, in a batch of one full sequence; True where
    it must, by smooth operators all the way."""
    import numpy as np

    lengths = {axis.length: np.array([steps[axis.index]]) for axis in program.forward.axes if axis.length}
    evaluator = Evaluator(program.forward, {}, lengths, dict(program.dims))
    vague = {p.name for p in program.params if not p.trained} | {noise.name for noise in program.noises}
    vague |= _counting(program)
    name = program.forward.output(f"output:{output}")
    rows = (0,) if BATCH in evaluator.table[name].axes else ()
    return _spread(evaluator, (name, (*point, *rows)), vague)


def _counting(program: Program) -> set[str]:
    """What is made of steps' numbers and lengths alone, which may be 0 at some step."""
    found: set[str] = set()
    plain = {e.name for e in program.forward.equations if e.op in ("number", "dim")}
    for e in program.forward.equations:
        read = {read.name for read in e.reads}
        if e.op in ("index", "position", "length") or (read & found and read <= found | plain):
            found.add(e.name)
    return found


def _spread(evaluator: Evaluator, start: Key, vague: set[str]) -> Reads:
    """Everything that can be reached from the start, the certain ways first."""
    nothing = _nothing(evaluator.table)
    seen: dict[Key, bool] = {}
    for certain in (True, False):
        pending = [start]
        while pending:
            key = pending.pop()
            if key in seen:
                continue
            equation = evaluator.table[key[0]]
            if certain and not (_is_certain(equation, vague) and _is_whole(evaluator, key, nothing)):
                continue
            seen[key] = certain
            pending += evaluator.sources(*key)
        if certain:
            sure, seen = seen, {}
    inputs = [key for key in seen if evaluator.table[key[0]].op == "input"]
    return {
        (name, _steps(evaluator.table[name], indices)): (name, indices) in sure for name, indices in inputs
    }


def _is_certain(equation: Equation, vague: set[str]) -> bool:
    """A constant or a noise among the factors may be 0."""
    return equation.op in CERTAIN and not any(read.name in vague for read in equation.reads)


def _nothing(table: Mapping[str, Equation]) -> set[str]:
    """What is 0 by definition: a literal, and what is made of it alone (the state before the first step)."""
    found = {e.name for e in table.values() if e.op == "number" and e.attr("value") == 0}
    while True:
        more = {
            e.name
            for e in table.values()
            if e.op in ("copy", "expand", "carry") and {read.name for read in e.reads} <= found and e.reads
        }
        if more <= found:
            return found
        found |= more


def _is_whole(evaluator: Evaluator, key: Key, nothing: set[str]) -> bool:
    """No factor of a product is 0 because it stands outside: what the other factors change is then lost."""
    if "bilinear" not in TABLE[evaluator.table[key[0]].op].traits:
        return True
    wanted = len(evaluator.table[key[0]].reads)
    found = [name for name, _ in evaluator.sources(*key) if name not in nothing]
    return len(found) >= wanted and len(found) % wanted == 0


def _steps(equation: Equation, indices: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i for axis, i in zip(equation.axes, indices) if axis != BATCH)
