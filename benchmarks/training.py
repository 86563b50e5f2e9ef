"""One training step of every cell at every size: forward, loss, gradients of all parameters."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rnnc import api
from rnnc.compiler.cost import AS_WRITTEN, Cost, extents, total, training_costs
from rnnc.compiler.driver import Options
from rnnc.machine import Peaks
from rnnc.timing import interleaved

from .aims import OURS
from .cases import SPECS, Case, size_for
from .contenders import Absent, Contender, Disagreement, agree, computed, make
from .contenders.contender import Computed

SLOW = {"torch.compile": ("small",), "autograd": ("small",), "O0": ("tiny", "small", "medium")}
"""Where these are measured if nobody asks for more: they take long, to compile or to run."""


@dataclass(slots=True)
class Row:
    """Seconds a step by contender, or why there is no such figure."""

    cell: str
    size: str
    shape: str
    seconds: dict[str, float] = field(default_factory=dict)
    compile_seconds: dict[str, float] = field(default_factory=dict)
    absent: dict[str, tuple[str, str]] = field(default_factory=dict)
    difference: float = 0.0  # the largest between outputs, losses and gradients, before timing
    bound: float = 0.0  # seconds


def measure(
    cells: Sequence[str],
    sizes: Sequence[str],
    names: Sequence[str],
    seconds: float,
    slow: float,
    clock: str,
    peaks: Peaks | None = None,
    everywhere: bool = True,
) -> list[dict[str, Any]]:
    """A row for every cell and size; ``slow`` is the longest step, in seconds, that is waited for again.
    ``everywhere``: those of `SLOW` at all sizes."""
    found = []
    for cell in cells:
        for size in sizes:
            case = Case(cell, size_for(cell, size))
            here = [name for name in names if everywhere or size in SLOW.get(name, (size,))]
            row = row_of(case, here, seconds, slow, clock)
            row.absent |= {n: ("–", f"measured at {', '.join(SLOW[n])}") for n in names if n not in here}
            row.bound = peaks.bound(cost_of(case)) if peaks else 0.0
            print(line(row), flush=True)
            found.append(asdict(row))
    return found


def cost_of(case: Case) -> Cost:
    """Operations, functions and bytes of a step, told from the equations as the spec has them."""
    options = Options(dims=case.dims, skip=AS_WRITTEN)
    made = api.compile_file(SPECS / f"{case.cell}.rnn", options)
    sizes = extents(made.adjoint, case.size.T, case.size.B)
    return total(*training_costs(made.forward, made.adjoint, dict(made.program.dims), sizes))


def row_of(case: Case, names: Sequence[str], seconds: float, slow: float, clock: str) -> Row:
    row = Row(case.cell, case.size.name, str(case.size))
    ours = make("O2", case)
    assert isinstance(ours, Contender)
    ready, expected = {"O2": ours}, computed(ours)
    row.compile_seconds["O2"] = ours.compile_seconds or 0.0
    for name in (name for name in names if name != "O2"):
        made = _checked(name, case, expected, row, slow)
        if isinstance(made, Contender):
            ready[name] = made
        else:
            row.absent[name] = (made.short, made.why)
    row.seconds = interleaved({name: one.run for name, one in ready.items()}, seconds, clock, least=3)
    return row


def _checked(name: str, case: Case, expected: Computed, row: Row, slow: float) -> Contender | Absent:
    """A contender that computes what is expected. A peer may fail in its own ways; that is told in the table."""
    try:
        made = make(name, case)
        begin = time.perf_counter()
        if isinstance(made, Absent):
            return made
        row.difference = max(row.difference, agree(name, expected, made))
    except Exception as error:
        if isinstance(error, Disagreement) or name in OURS:
            raise
        return Absent("fails", f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
    if made.compile_seconds is not None:
        row.compile_seconds[name] = made.compile_seconds
    return _too_slow(made, slow) if time.perf_counter() - begin > slow else made


def _too_slow(contender: Contender, slow: float) -> Contender | Absent:
    begin = time.perf_counter()
    contender.run()
    took = time.perf_counter() - begin
    return (
        contender
        if took <= slow
        else Absent(f"> {slow:g} s", f"a step took {took:.0f} s and was not repeated")
    )


def line(row: Row) -> str:
    """A row as it is seen while the rest is measured: milliseconds, and how many times as long as -O2."""
    ours = row.seconds["O2"]
    parts = [
        f"{name} {value * 1e3:.2f}" + (f" (x{value / ours:.2f})" if name != "O2" else "")
        for name, value in row.seconds.items()
    ]
    parts += [f"{name} {short}" for name, (short, _) in row.absent.items()]
    return f"{row.cell:19} {row.size:8}" + "  ".join(parts)
