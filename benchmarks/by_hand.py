"""A training step of a compiled module beside what we write by hand for the same cell, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .cases import Case, size_for
from .contenders import Contender
from .contenders.ours import compiled, handwritten
from .handwritten import HANDWRITTEN
from .pairs import ratio


@dataclass(slots=True)
class Row:
    """``speed``: how many times as long the hand-written step takes."""

    cell: str
    size: str
    speed: float


def measure(cells: Sequence[str], sizes: Sequence[str], seconds: float, clock: str) -> list[dict[str, Any]]:
    rows = []
    for cell in (cell for cell in cells if cell in HANDWRITTEN):
        for size in sizes:
            speed = _speed(Case(cell, size_for(cell, size)), seconds, clock)
            print(f"{cell:19} {size:7} {speed:.2f}", flush=True)
            rows.append(asdict(Row(cell, size, speed)))
    return rows


def _speed(case: Case, seconds: float, clock: str) -> float:
    def by_hand() -> Contender:
        made = handwritten(case)
        assert isinstance(made, Contender)
        return made

    return ratio("hand", lambda: compiled(case), by_hand, seconds, clock)
