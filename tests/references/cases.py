"""The networks that exist twice: as a spec in `examples/` and by hand in this folder.

A case says what the hand-written network is fed with; random parameters and batches follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from . import (
    bidirectional,
    gru,
    gru_reset_before,
    lstm2,
    many_to_one,
    output_recurrence,
    skip,
    teacher_forcing,
    vanilla,
)
from .common import Array, Params, loss_and_grads


@dataclass(frozen=True)
class Case:
    """`dims` are small and all different, so that no two sizes can be confused unseen."""

    reference: ModuleType
    per_step: bool = True  # one target for each step, or one for each sequence
    streams: bool = True  # whether it can be run step by step
    dims: Mapping[str, int] = field(default_factory=lambda: {"input": 3, "hidden": 4, "classes": 5})

    @property
    def name(self) -> str:
        return self.reference.__name__.rpartition(".")[2]

    def params(self, rng: np.random.Generator, scale: float = 0.6) -> dict[str, Array]:
        """Nothing is zero, the biases neither."""
        shapes: Mapping[str, tuple[str, ...]] = self.reference.SHAPES
        return {
            name: scale * rng.standard_normal([self.dims[size] for size in shape])
            for name, shape in shapes.items()
        }

    def batch(self, rng: np.random.Generator, lengths: Sequence[int]) -> dict[str, Array]:
        steps, rows = max(lengths, default=0), len(lengths)
        targets = (steps, rows) if self.per_step else (rows,)
        return {
            "x": rng.standard_normal((steps, rows, self.dims["input"])),
            "y": rng.integers(0, self.dims["classes"], targets),
            "T": np.array(lengths, dtype=np.int64),
        }

    def loss_and_grads(self, params: Params, batch: Mapping[str, Array]) -> tuple[Any, dict[str, Array]]:
        return loss_and_grads(self.reference.sequence, params, batch)


CASES = (
    Case(vanilla),
    Case(output_recurrence),
    Case(teacher_forcing),
    Case(many_to_one, per_step=False, streams=False),
    Case(bidirectional, streams=False),
    Case(lstm2),
    Case(gru),
    Case(gru_reset_before),
    Case(skip),
)
