"""What each pass is worth: a training step with one pass left out, over one with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rnnc.compiler.passes import NAMES
from rnnc.timing import interleaved

from .cases import Case, size_for
from .contenders import agree, computed
from .contenders.ours import compiled

CELLS = ("lstm", "gru", "lstm_norm_peephole")
SIZES = ("tiny", "small")


@dataclass(slots=True)
class Row:
    """How many times as long a step takes without each pass."""

    cell: str
    size: str
    without: dict[str, float] = field(default_factory=dict)


def measure(cells: Sequence[str], sizes: Sequence[str], seconds: float, clock: str) -> list[dict[str, Any]]:
    rows = []
    for cell in (cell for cell in CELLS if cell in cells):
        for size in (size for size in SIZES if size in sizes):
            case = Case(cell, size_for(cell, size))
            variants = {name: compiled(case, skip=frozenset({name})) for name in NAMES}
            whole = compiled(case)
            expected = computed(whole)
            for name, variant in variants.items():
                agree(f"without {name}", expected, variant)
            runs = {"": whole.run, **{name: variant.run for name, variant in variants.items()}}
            times = interleaved(runs, seconds * 2, clock)
            row = Row(cell, size, {name: times[name] / times[""] for name in NAMES})
            shown = [f"{name} {ratio:.2f}" for name, ratio in row.without.items()]
            print(f"{cell:19} {size:7}without: " + "  ".join(shown), flush=True)
            rows.append(asdict(row))
    return rows
