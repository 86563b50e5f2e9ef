"""A training step on sequences of unequal lengths, beside one on as many of full length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rnnc.timing import interleaved

from .cases import Case, Size

CELLS, BATCHES, T, D, H = ("lstm", "gru"), (16, 64, 256), 100, 64, 128


@dataclass(slots=True)
class Row:
    """Seconds with full lengths and with lengths drawn from 1 to T; ``valid`` is the part of the steps that is left."""

    cell: str
    shape: str
    full: float
    ragged: float
    valid: float


def measure(cells: Sequence[str], seconds: float, clock: str) -> list[dict[str, Any]]:
    rows = []
    for cell in (cell for cell in CELLS if cell in cells):
        for B in BATCHES:
            row = _row(Case(cell, Size(f"B = {B}", B, T, D, H)), seconds, clock)
            print(f"{cell:6} {row.shape:18} {row.ragged / row.full:.2f} for {row.valid:.2f}", flush=True)
            rows.append(asdict(row))
    return rows


def _row(case: Case, seconds: float, clock: str) -> Row:
    module, params, full = case.module(), case.params, case.batch
    lengths = np.random.default_rng(0).integers(1, T + 1, case.size.B)
    batches = {"full": full, "ragged": {**full, "T": lengths}}
    spaces = {name: module.workspace(params, batch) for name, batch in batches.items()}
    times = interleaved(
        {
            name: lambda name=name: module.loss_and_grad(params, batches[name], workspace=spaces[name])
            for name in batches
        },
        seconds,
        clock,
    )
    return Row(case.cell, str(case.size), times["full"], times["ragged"], float(lengths.mean() / T))
