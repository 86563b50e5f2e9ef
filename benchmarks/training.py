"""One training step of every cell at every size: forward, loss, gradients of all parameters."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .cases import Case, size_for
from .contenders import Absent, Contender, agree, make
from .timing import interleaved

OURS = ("O2", "O0", "hand")


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
    cells: Sequence[str], sizes: Sequence[str], names: Sequence[str], seconds: float, slow: float, clock: str
) -> list[dict[str, Any]]:
    """A row for every cell and size; ``slow`` is the longest step, in seconds, that is waited for again."""
    found = []
    for cell in cells:
        for size in sizes:
            row = _row(Case(cell, size_for(cell, size)), names, seconds, slow, clock)
            print(line(row), flush=True)
            found.append(asdict(row))
    return found


def _row(case: Case, names: Sequence[str], seconds: float, slow: float, clock: str) -> Row:
    row = Row(case.cell, case.size.name, str(case.size))
    ready: dict[str, Contender] = {}
    for name in ("O2", *(name for name in names if name != "O2")):
        made = make(name, case)
        begin = time.perf_counter()
        if isinstance(made, Contender):
            if name != "O2":
                row.difference = max(row.difference, agree(name, ready["O2"], made))
            if made.compile_seconds is not None:
                row.compile_seconds[name] = made.compile_seconds
            ready[name] = made
            made = _too_slow(made, slow) if time.perf_counter() - begin > slow else made
        if isinstance(made, Absent):
            row.absent[name] = (made.short, made.why)
            ready.pop(name, None)
    row.seconds = interleaved({name: one.run for name, one in ready.items()}, seconds, clock, least=3)
    return row


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
    return f"{row.cell:19} {row.size:7}" + "  ".join(parts)
