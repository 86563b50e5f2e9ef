"""What a property is tried on: a few sizes and a seed; everything else is drawn by NumPy's generator.

Hypothesis draws and shrinks these few numbers. Values drawn by it one by one would love 0 and sit on ties."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """``steps`` is the longest length of every axis, ``rows`` the batch size; ``dims`` those that are not the
    module's defaults. ``scale`` multiplies the weights: above 1 the network saturates."""

    steps: tuple[tuple[str, int], ...]
    rows: int
    dims: tuple[tuple[str, int], ...]
    seed: int = 0
    scale: float = 1.0

    def with_steps(self, axis: str, count: int) -> Case:
        return replace(self, steps=tuple((a, count if a == axis else n) for a, n in self.steps))

    def text(self) -> str:
        """``T = 3, B = 2, hidden = 1``, for people."""
        sizes = [*self.steps, ("B", self.rows), *self.dims]
        return ", ".join([*(f"{name} = {size}" for name, size in sizes), f"seed {self.seed}"])

    def note(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_note(note: str) -> Case:
        fields: dict[str, Any] = json.loads(note)
        for name in ("steps", "dims"):
            fields[name] = tuple((key, int(size)) for key, size in fields[name])
        return Case(**fields)
