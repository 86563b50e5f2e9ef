"""The cells, the sizes, and the data of one benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import rnnc
from rnnc.compiler.driver import Options

Array = np.ndarray[Any, Any]
SPECS = Path(__file__).with_name("specs")

CELLS = {
    "vanilla": "vanilla",
    "lstm": "LSTM",
    "gru": "GRU",
    "lstm_norm_peephole": "layer-normalised peephole LSTM",
    "skip": "skip edge, h[t-3]",
    "mingru": "minGRU (diagonal)",
    "lru": "LRU (diagonal)",
    "linear": "h = a h + x (diagonal)",
    "attention": "encoder–decoder with attention",
    "bilstm2": "two bidirectional LSTM layers",
}


@dataclass(frozen=True, slots=True)
class Size:
    """B sequences of T steps, inputs of size D, states of size H."""

    name: str
    B: int
    T: int
    D: int
    H: int

    def __str__(self) -> str:
        return f"({self.B}, {self.T}, {self.D}, {self.H})"


SIZES = {
    size.name: size
    for size in (
        Size("tiny", 1, 100, 16, 32),
        Size("small", 16, 100, 32, 64),
        Size("medium", 32, 100, 64, 128),
        Size("large", 64, 100, 256, 512),
        Size("long", 8, 1000, 32, 64),
    )
}

# Attention computes every pair of steps: a million of them at a length of 1000. Four large LSTMs take long.
SHORTER = {("attention", "large"): 25, ("attention", "long"): 250, ("bilstm2", "large"): 25}


def size_for(cell: str, name: str) -> Size:
    size = SIZES[name]
    return Size(name, size.B, SHORTER.get((cell, name), size.T), size.D, size.H)


@dataclass(frozen=True)
class Case:
    """One cell at one size, with parameters and a batch that every contender is given."""

    cell: str
    size: Size
    dtype: str = "float32"

    @property
    def dims(self) -> dict[str, int]:
        """The spec's dims; a recurrence alone has inputs as large as its state."""
        return (
            {"hidden": self.size.H}
            if self.cell == "linear"
            else {"input": self.size.D, "hidden": self.size.H}
        )

    def module(self, level: int = 2, skip: frozenset[str] = frozenset()) -> ModuleType:
        return rnnc.load(SPECS / f"{self.cell}.rnn", Options(level=level, skip=skip), **self.dims)

    @cached_property
    def params(self) -> Mapping[str, Array]:
        return self.module().init(seed=1, dtype=self.dtype)

    @cached_property
    def batch(self) -> Mapping[str, Array]:
        """Inputs and targets, standard normal; all sequences of full length."""
        random = np.random.default_rng(0)
        size = self.size
        return {
            name: random.standard_normal((size.T, size.B, features)).astype(self.dtype)
            for name, features in self._features().items()
        }

    def _features(self) -> dict[str, int]:
        D, H = self.size.D, self.size.H
        if self.cell == "attention":
            return {"x": D, "z": D, "y": H}
        if self.cell == "linear":
            return {"x": H, "y": H}
        return {"x": D, "y": {"lru": D, "bilstm2": 2 * H}.get(self.cell, H)}
