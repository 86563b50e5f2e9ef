"""What the hand-written training steps share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
CHUNK_BYTES = 1 << 20  # fits the second-level cache of common processors beside what else is in use


class Buffers:
    """Sizes, and arrays of the right dtype for them."""

    def __init__(self, T: int, B: int, m: int, n: int, dtype: str) -> None:
        self.T, self.B, self.m, self.n = T, B, m, n
        self.dtype = np.dtype(dtype)
        self.half, self.one = np.array(0.5, dtype), np.array(1.0, dtype)
        self.rows = self.empty(T * B)
        self.rows[:] = 1
        self.dh_t = self.empty(T, B, n)
        self.y_minus_h = self.dh_t  # the one turns into the other

    def empty(self, *shape: int) -> Array:
        return np.empty(shape, self.dtype)

    def loss(self, y: Array, h: Array) -> float:
        """The mean negative log-likelihood of y ~ normal(h); its gradient by h goes into `dh_t`."""
        np.subtract(y, h, self.y_minus_h)
        flat = self.y_minus_h.reshape(-1)
        elements = self.T * self.B
        squares = float(np.dot(flat, flat))
        np.multiply(flat, self.dtype.type(-1.0 / elements), flat)
        return 0.5 * squares / elements + 0.5 * math.log(2 * math.pi) * self.n

    def steps_at_once(self, floats: int) -> int:
        """How many steps of so many numbers make `CHUNK_BYTES`."""
        return min(self.T, max(1, CHUNK_BYTES // (floats * self.dtype.itemsize)))

    def backwards(
        self, tape: list[tuple], local: list[tuple], prepare: Callable[[slice, int], None]
    ) -> Iterator:
        """The views of each step, last first: those of the whole sequence's arrays with those of a stretch's,
        which `prepare(steps, how many)` fills."""
        for stop in range(self.T, 0, -len(local)):
            start = max(0, stop - len(local))
            prepare(slice(start, stop), stop - start)
            yield from zip(reversed(tape[start:stop]), reversed(local[: stop - start]))


def beside(params: Mapping[str, Array], names: Sequence[str], into: Array, halved: int = 0) -> None:
    """Matrices `W[out, in]`, transposed and side by side; the first `halved` of them halved (for sigmoids)."""
    n = into.shape[-1] // len(names)
    for number, name in enumerate(names):
        block = into[..., number * n : (number + 1) * n]
        if number < halved:
            np.multiply(params[name].T, into.dtype.type(0.5), block)
        else:
            block[...] = params[name].T


def blocks(whole: Array, names: Sequence[str]) -> dict[str, Array]:
    """The gradient of what stood side by side, taken apart along its first axis."""
    n = len(whole) // len(names)
    return {name: whole[number * n : (number + 1) * n] for number, name in enumerate(names)}
