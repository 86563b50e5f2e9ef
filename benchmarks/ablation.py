"""What each pass is worth: a training step with one pass left out, over one with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import rnnc
from rnnc.compiler.driver import Options
from rnnc.compiler.passes import NAMES
from rnnc.timing import interleaved

from .cases import SPECS, Case, size_for
from .contenders import agree, computed
from .contenders.ours import compiled

GATED, SMALL = ("lstm", "gru", "lstm_norm_peephole"), ("linear", "attention")
CASES = [
    *((cell, size) for cell in GATED for size in ("tiny", "small")),
    *((cell, "small") for cell in SMALL),
]
STEP = "one step at a time"  # what is printed before it is for sequences


@dataclass(slots=True)
class Row:
    """How many times as long a step takes without each pass that changes what is printed for it."""

    cell: str
    size: str
    without: dict[str, float] = field(default_factory=dict)


def measure(cells: Sequence[str], sizes: Sequence[str], seconds: float, clock: str) -> list[dict[str, Any]]:
    rows = []
    for cell, size in ((cell, size) for cell, size in CASES if cell in cells and size in sizes):
        case = Case(cell, size_for(cell, size))
        names = [name for name in NAMES if _printed(case, name) != _printed(case)]
        variants = {name: compiled(case, skip=frozenset({name})) for name in names}
        whole = compiled(case)
        expected = computed(whole)
        for name, variant in variants.items():
            agree(f"without {name}", expected, variant)
        runs = {"": whole.run, **{name: variant.run for name, variant in variants.items()}}
        times = interleaved(runs, seconds * 2, clock)
        row = Row(cell, size, {name: times[name] / times[""] for name in names})
        shown = [f"{name} {ratio:.2f}" for name, ratio in row.without.items()]
        print(f"{cell:19} {size:7}without: " + "  ".join(shown), flush=True)
        rows.append(asdict(row))
    return rows


def _printed(case: Case, *without: str) -> str:
    options = Options(skip=frozenset(without))
    text = rnnc.compile(SPECS / f"{case.cell}.rnn", options, **case.dims)
    return text[text.index("def _forward") : text.index(STEP)]
