"""``rnnc show --cost``: what a training step costs by quantity, its bound on this machine, and what it takes."""

from __future__ import annotations

import argparse
from dataclasses import replace

from . import api
from .columns import columns
from .compiler.cost import AS_WRITTEN, Cost, Costs, extents, total, training_costs
from .compiler.driver import Compiled
from .files import Imports
from .machine import Peaks, measure_peaks
from .measured import Measured
from .timing import interleaved

SECONDS = 1.0  # of measuring
HEAD = ["quantity", "operations", "functions", "bytes", "operations", "functions", "bytes"]


def show(compiled: Compiled, arguments: argparse.Namespace) -> str:
    steps, rows = arguments.steps, arguments.batch
    there, back = _costs(compiled, Imports(arguments.spec), steps, rows)
    lengths = {axis.index: steps for axis in compiled.program.forward.axes if axis.length}
    measured = Measured(compiled, lengths, rows, seed=arguments.seed)
    run = measured.loss_and_grad if measured.has_loss else measured.forward
    if not measured.has_loss:
        back = {}
    seconds = interleaved({"": run}, SECONDS)[""] / steps
    title = f"cost of {compiled.source.path}: {rows} sequences of {steps} steps in single precision, for each step"
    what = "forward and backward" if measured.has_loss else "forward (the spec has no loss)"
    return (
        f"{title}\n\n{columns(_rows(there, back, steps))}\n\n"
        f"{_against(measure_peaks(), _over(total(there, back), steps), seconds, what, compiled.options.level)}"
    )


def _costs(compiled: Compiled, imports: Imports, steps: int, rows: int) -> tuple[Costs, Costs]:
    """Of the equations as the spec has them: products joined have no quantity of their own."""
    options = replace(compiled.options, level=2, skip=AS_WRITTEN, stop_after="adjoint", extras=frozenset())
    made = api.compile_with(compiled.source, options, imports)
    sizes = extents(made.forward, steps, rows) | extents(made.adjoint, steps, rows)
    return training_costs(made.forward, made.adjoint, dict(made.program.dims), sizes)


def _rows(there: Costs, back: Costs, steps: int) -> list[list[str]]:
    names = [name for name in {**there, **back} if there.get(name, Cost()) + back.get(name, Cost()) != Cost()]
    rows = [
        [name, *_numbers(there.get(name, Cost()), steps), *_numbers(back.get(name, Cost()), steps)]
        for name in names
    ]
    return [
        ["", "forward", "", "", "backward", "", ""],
        HEAD,
        *rows,
        ["in all", *_numbers(total(there), steps), *_numbers(total(back), steps)],
    ]


def _numbers(cost: Cost, steps: int) -> list[str]:
    each = _over(cost, steps)
    return [_short(each.flops), _short(each.functions), _short(each.bytes)]


def _over(cost: Cost, count: int) -> Cost:
    return Cost(cost.flops / count, cost.functions / count, cost.bytes / count)


def _short(value: float) -> str:
    """``12.3k``; nothing for nothing."""
    for power, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return f"{value / power:.3g}{unit}" if value < 1000 * power else f"{value / power:.0f}{unit}"
    return f"{value:.3g}" if value else ""


def _against(peaks: Peaks, cost: Cost, seconds: float, what: str, level: int) -> str:
    """The bound in its parts, beside the time measured."""
    parts = [
        f"{name} {peaks.bound(part) * 1e6:.1f}"
        for name, part in (
            ("operations", Cost(flops=cost.flops)),
            ("functions", Cost(functions=cost.functions)),
            ("memory", Cost(bytes=cost.bytes)),
        )
    ]
    bound = peaks.bound(cost)
    times = f"{seconds / bound:.1f} times the bound" if bound else "no bound"
    return (
        f"at best, one thread: {peaks}\n"
        f"bound     {bound * 1e6:.1f} microseconds a step ({', '.join(parts)})\n"
        f"measured  {seconds * 1e6:.1f} microseconds a step at -O{level}, {what}: {times}\n"
    )
