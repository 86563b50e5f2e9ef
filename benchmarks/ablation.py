"""What each pass is worth: a training step with one pass left out, over one with all of them, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import rnnc
from rnnc.compiler.driver import Options
from rnnc.compiler.passes import NAMES

from .cases import SPECS, Case, size_for
from .contenders.ours import compiled
from .pairs import ratio

GATED, SMALL = ("lstm", "gru", "lstm_norm_peephole"), ("mingru", "linear", "skip", "attention")
CASES = [
    *((cell, size) for cell in GATED for size in ("tiny", "small")),
    *((cell, "small") for cell in SMALL),
    ("lstm_slices", "small"),
]
WRITTEN_AS = {"lstm_slices": "lstm"}  # how else a cell may be written
STEP = "one step at a time"  # what is printed before it is for sequences


@dataclass(slots=True)
class Row:
    """How many times as long a step takes without each pass that changes what is printed for it."""

    cell: str
    size: str
    without: dict[str, float] = field(default_factory=dict)


def measure(cells: Sequence[str], sizes: Sequence[str], seconds: float, clock: str) -> list[dict[str, Any]]:
    rows = []
    for cell, size in CASES:
        if WRITTEN_AS.get(cell, cell) in cells and size in sizes:
            case = Case(cell, size_for(cell, size))
            row, whole = Row(cell, size), _printed(case)
            for name in (name for name in NAMES if _printed(case, name) != whole):
                row.without[name] = _worth(case, name, seconds / 2, clock)
            shown = [f"{name} {ratio:.2f}" for name, ratio in row.without.items()]
            print(f"{cell:19} {size:7}without: " + "  ".join(shown), flush=True)
            rows.append(asdict(row))
    return rows


def _worth(case: Case, name: str, seconds: float, clock: str) -> float:
    without = frozenset({name})
    return ratio(
        f"without {name}", lambda: compiled(case), lambda: compiled(case, skip=without), seconds, clock
    )


def _printed(case: Case, *without: str) -> str:
    options = Options(skip=frozenset(without))
    text = rnnc.compile(SPECS / f"{case.cell}.rnn", options, **case.dims)
    return text[text.index("def _forward") : text.index(STEP)]
