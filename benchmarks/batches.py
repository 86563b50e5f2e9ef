"""A training step of an LSTM with batches from 1 to 256 sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .cases import Case, Size
from .training import line, row_of

BATCHES = (1, 4, 16, 64, 256)
BESIDE = ("O0", "hand", "torch.nn", "torch loop", "jax scan", "autograd")
CELL, T, D, H = "lstm", 100, 64, 128


def measure(names: Sequence[str], seconds: float, slow: float, clock: str) -> list[dict[str, Any]]:
    rows = []
    for B in BATCHES:
        row = row_of(Case(CELL, Size(f"B = {B}", B, T, D, H)), names, seconds, slow, clock)
        print(line(row), flush=True)
        rows.append(asdict(row))
    return rows
