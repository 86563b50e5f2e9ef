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
    char_lstm,
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

VECTORS = {"input": 3, "hidden": 4, "classes": 5}  # all different: no two sizes can be confused unseen
TOKENS = {"vocab": 7, "embed": 3, "hidden": 4}


@dataclass(frozen=True)
class Case:
    """`x` and `target` name the dim that counts the tokens or sizes the vector fed in or predicted."""

    reference: ModuleType
    dims: Mapping[str, int] = field(default_factory=lambda: VECTORS)
    x: str = "input"
    target: str = "classes"
    per_step: bool = True  # one target for each step, or one for each sequence
    streams: bool = True  # whether it can be run step by step

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
            "x": self._drawn(rng, self.x, (steps, rows)),
            "y": self._drawn(rng, self.target, targets),
            "T": np.array(lengths, dtype=np.int64),
        }

    def _drawn(self, rng: np.random.Generator, dim: str, shape: tuple[int, ...]) -> Array:
        if dim in ("vocab", "classes"):
            return rng.integers(0, self.dims[dim], shape)
        return rng.standard_normal((*shape, self.dims[dim]))

    def loss_and_grads(self, params: Params, batch: Mapping[str, Array]) -> tuple[Any, dict[str, Array]]:
        return loss_and_grads(self.reference.sequence, params, batch)


CASES = (
    Case(vanilla),
    Case(output_recurrence, {"input": 3, "hidden": 4, "outputs": 5}, target="outputs"),
    Case(teacher_forcing),
    Case(many_to_one, per_step=False, streams=False),
    Case(bidirectional, streams=False),
    Case(char_lstm, TOKENS, x="vocab", target="vocab"),
    Case(lstm2, TOKENS, x="vocab", target="vocab"),
    Case(gru),
    Case(gru_reset_before),
    Case(skip),
)
