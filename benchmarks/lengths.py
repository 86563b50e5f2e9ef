"""How time and memory of a training step grow with the length: one process for each figure."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnnc.timing import interleaved

from .cases import Case, Size
from .contenders import Absent, make

LENGTHS = (100, 300, 1000, 3000, 10000)
CELL, B, D, H = "lstm", 16, 64, 128
BESIDE = ("torch.nn", "jax scan")
MIB = 1 << 20


@dataclass(slots=True)
class Row:
    """Seconds a step and the most memory beside parameters and inputs, in MiB, by contender."""

    T: int
    seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    absent: dict[str, tuple[str, str]] = field(default_factory=dict)


def measure(names: Sequence[str], clock: str) -> list[dict[str, Any]]:
    rows = []
    for T in LENGTHS:
        row = Row(T)
        for name in names:
            found = _elsewhere(name, T, clock)
            if "absent" in found:
                row.absent[name] = tuple(found["absent"])
            else:
                row.seconds[name], row.memory[name] = found["seconds"], found["memory"]
        shown = [f"{name} {row.seconds[name]:.3f} s {row.memory[name]:.0f} MiB" for name in row.seconds]
        print(f"T = {T:<6}" + "  ".join(shown), flush=True)
        rows.append(asdict(row))
    return rows


def _elsewhere(name: str, T: int, clock: str) -> dict[str, Any]:
    """One contender at one length, in a process of its own: what another left allocated would count."""
    command = [sys.executable, "-m", "benchmarks.lengths", name, str(T), clock]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _here(name: str, T: int, clock: str) -> dict[str, Any]:
    made = make(name, Case(CELL, Size("length", B, T, D, H)))
    if isinstance(made, Absent):
        return {"absent": (made.short, made.why)}
    memory = peak_above(made.run)
    return {"memory": memory / MIB, "seconds": interleaved({name: made.run}, 1.0, clock, least=3)[name]}


def peak_above(run: Callable[[], object]) -> float:
    """The most memory in use while something runs, in bytes, above what was in use before."""
    refs = Path("/proc/self/clear_refs")
    if not refs.exists():  # no Linux: the most so far, before and after
        before = _most()
        run()
        return _most() - before
    refs.write_text("5", encoding="ascii")  # forgets the peak so far
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before


def _most() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024.0 * int(next(line for line in lines if line.startswith(name + ":")).split()[1])


if __name__ == "__main__":
    from .threads import settle

    settle()
    print(json.dumps(_here(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
