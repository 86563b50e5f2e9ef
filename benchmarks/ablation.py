"""What each pass is worth: a training step with one pass left out, over one with all of them, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import rnnc
from rnnc.compiler.driver import Options
from rnnc.compiler.passes import NAMES
from rnnc.timing import interleaved

from .cases import SPECS, Case, size_for
from .contenders import agree, computed
from .contenders.ours import compiled

GATED, SMALL = ("lstm", "gru", "lstm_norm_peephole"), ("mingru", "linear", "skip", "attention")
CASES = [
    *((cell, size) for cell in GATED for size in ("tiny", "small")),
    *((cell, "small") for cell in SMALL),
    ("lstm_slices", "small"),
]
WRITTEN_AS = {"lstm_slices": "lstm"}  # how else a cell may be written
STEP = "one step at a time"  # what is printed before it is for sequences
PLACES = 4  # where arrays happen to lie is worth some hundredths: so many times, each in memory of its own


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
                row.without[name] = _ratio(case, name, seconds / 2, clock)
            shown = [f"{name} {ratio:.2f}" for name, ratio in row.without.items()]
            print(f"{cell:19} {size:7}without: " + "  ".join(shown), flush=True)
            rows.append(asdict(row))
    return rows


def _ratio(case: Case, name: str, seconds: float, clock: str) -> float:
    """The two alone in turn, so that none finds the caches as a third left them; each is made first as often."""
    sides = {"": frozenset[str](), name: frozenset({name})}
    orders = [tuple(sides), tuple(sides)[::-1]] * (PLACES // 2)
    pairs = [{side: compiled(case, skip=sides[side]) for side in order} for order in orders]
    agree(f"without {name}", computed(pairs[0][""]), pairs[0][name])
    runs = [{side: contender.run for side, contender in pair.items()} for pair in pairs]
    times = [interleaved(pair, seconds / PLACES, clock) for pair in runs]
    return median(time[name] / time[""] for time in times)


def _printed(case: Case, *without: str) -> str:
    options = Options(skip=frozenset(without))
    text = rnnc.compile(SPECS / f"{case.cell}.rnn", options, **case.dims)
    return text[text.index("def _forward") : text.index(STEP)]
